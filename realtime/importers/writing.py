"""Imported definitions as the text of a definition file: YAML that a person would keep, or JSON.

Numbers are written with all their digits. Reading the text back gives the same definitions.
"""

import json
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any

import yaml

from realtime.definition_files.syntax import TEXT_RESOLVERS
from realtime.importers.model import Definition, Imported, Json
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
        text = yaml.dump(
            [_lay_out(definition.data)],
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=WIDTH,
            default_flow_style=False,
        )
        comment = _comment(definition.comment, "  ") if definition.comment else ""
        lines = text.rstrip("\n").split("\n")  # not those of Unicode: they are inside of texts
        yield ("\n" if index else "") + comment + "".join(f"  {line}\n" for line in lines)


def _comment(text: str, indent: str) -> str:
    """One that no text of another system ends."""
    shown = [escape_controls(part) for part in text.split("\n")]
    lines = [line for part in shown for line in (wrap(part, WIDTH - len(indent) - 2) or [""])]
    return "".join(f"{indent}# {line}".rstrip() + "\n" for line in lines)


class _Flow(dict[str, Json]):
    """Written on one line."""


class _FlowList(list[Json]):
    """Written on one line."""


def _lay_out(value: Json, depth: int = 0) -> Json:
    """Marks what fits on one line."""
    if depth and isinstance(value, (dict, list)) and len(json.dumps(value, ensure_ascii=False)) <= _SHORT:
        return _Flow(value) if isinstance(value, dict) else _FlowList(value)
    if isinstance(value, dict):
        return {name: _lay_out(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [_lay_out(each, depth + 1) for each in value]
    return value


_MAP, _SEQ = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"
_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_Base):  # type: ignore[misc]
    """Quotes all that YAML 1.1 or 1.2 would read as something else than text."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


_Dumper.yaml_implicit_resolvers = {
    first: [*yaml.SafeDumper.yaml_implicit_resolvers.get(first, ()), *TEXT_RESOLVERS.get(first, ())]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *TEXT_RESOLVERS}
}
for _kind, _represent in (
    (_Flow, lambda dumper, value: dumper.represent_mapping(_MAP, value.items(), flow_style=True)),
    (_FlowList, lambda dumper, value: dumper.represent_sequence(_SEQ, value, flow_style=True)),
):
    _Dumper.add_representer(_kind, _represent)
