"""Imported definitions as the text of a definition file: YAML that a person would keep, or JSON.

Numbers are written with all their digits. Reading the text back gives the same definitions.
"""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from textwrap import wrap
from typing import Any

import yaml

from realtime.definition_files.syntax import TEXT_RESOLVERS
from realtime.migration.model import Definition, Imported, Json
from realtime.safe_reading.shown_text import escape_controls

WIDTH = 100
_SHORT = 88
"""Characters that a list or an object on one line may have."""


def write_yaml(imported: Imported, heading: str) -> str:
    """``heading`` stands at the top, as a comment."""
    parts = [_comment(heading, "")]
    for name, definitions in _list_all(imported).items():
        if definitions or name == "flags":
            parts.append(
                f"{name}:" + (" []\n" if not definitions else "\n") + "".join(_write_all(definitions))
            )
    return "\n".join(parts)


def write_json(imported: Imported) -> str:
    """JSON has no comments: they are left out."""
    lists = {
        name: [each.data for each in definitions]
        for name, definitions in _list_all(imported).items()
        if definitions or name != "experiments"
    }
    return json.dumps(lists, indent=1, ensure_ascii=False) + "\n"


def _list_all(imported: Imported) -> dict[str, list[Definition]]:
    """By the name of the list in a file."""
    return {"segments": imported.segments, "experiments": imported.experiments, "flags": imported.flags}


def _write_all(definitions: Sequence[Definition]) -> Iterator[str]:
    for index, definition in enumerate(definitions):
        data = definition.data
        fields = [(_make_text(name), _make_node(value)[0]) for name, value in data.items()]
        node = yaml.SequenceNode(_SEQ, [yaml.MappingNode(_MAP, fields, flow_style=False)], flow_style=False)
        text = yaml.serialize(node, Dumper=_Dumper, allow_unicode=True, width=WIDTH)
        comment = _comment(definition.comment, "  ") if definition.comment else ""
        lines = text.rstrip("\n").split("\n")  # not those of Unicode: they are inside of texts
        yield ("\n" if index else "") + comment + "".join(f"  {line}\n" for line in lines)


def _comment(text: str, indent: str) -> str:
    """One that no text of another system ends."""
    shown = [escape_controls(part) for part in text.split("\n")]
    lines = [line for part in shown for line in (wrap(part, WIDTH - len(indent) - 2) or [""])]
    return "".join(f"{indent}# {line}".rstrip() + "\n" for line in lines)


_MAP, _SEQ, _STR = (f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str"))
_scalars = yaml.representer.SafeRepresenter()


def _make_node(value: Json) -> tuple[yaml.Node, int]:
    """With its length as JSON, about. What is short enough is written on one line."""
    if isinstance(value, dict):
        fields = [(_make_text(name), *_make_node(each)) for name, each in value.items()]
        size = sum(len(name.value) + 6 + length for name, _, length in fields)
        pairs = [(name, node) for name, node, _ in fields]
        return yaml.MappingNode(_MAP, pairs, flow_style=size <= _SHORT), size
    if isinstance(value, list):
        elements = [_make_node(each) for each in value]
        size = sum(length + 2 for _, length in elements)
        return yaml.SequenceNode(_SEQ, [node for node, _ in elements], flow_style=size <= _SHORT), size
    if isinstance(value, str):
        return _make_text(value), len(value) + 2
    node = _scalars.represent_data(value)
    return node, len(node.value)


def _make_text(text: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(_STR, text)


_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_RESOLVERS = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, ()), *TEXT_RESOLVERS.get(first, ())]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *TEXT_RESOLVERS}
}


class _Dumper(_Base):  # type: ignore[misc]
    """Quotes all that YAML 1.1 or 1.2 would read as something else than text."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: tuple[bool, bool]) -> str:
        if kind is yaml.ScalarNode:
            return _resolve(value) if implicit[0] else _STR
        return _SEQ if kind is yaml.SequenceNode else _MAP


@lru_cache(10_000)
def _resolve(text: str) -> str:
    """As what YAML would read it. Most texts of a file are names that it has again and again."""
    return next((tag for tag, pattern in _RESOLVERS.get(text[:1], ()) if pattern.match(text)), _STR)
