"""YAML 1.2 and JSON as Python values. A field that is written twice is an error in both."""

import codecs
import json
import re
from collections.abc import Iterable
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """YAML 1.2: ``on``, ``no``, ``2026-01-31`` and ``12:30`` are text, as they are in JSON.

    A field that is written twice is refused: YAML would drop the first, which may be a kill switch.
    """

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:  # typeshed's type of it
        node = super().compose_mapping_node(anchor)
        _check_unique((key.value for key, _ in node.value), f"line {node.start_mark.line + 1}")
        return node


_TAG = "tag:yaml.org,2002:"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in (f"{_TAG}null", f"{_TAG}merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))


def _construct_integer(_loader: _Loader, node: yaml.ScalarNode) -> int:
    """Decimal even with a leading zero, which YAML 1.1 reads as octal."""
    text = str(node.value)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_Loader.add_constructor(f"{_TAG}int", _construct_integer)


class _TextLoader(_Loader):
    """Numbers stay the text that they are in the file."""


_TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (f"{_TAG}int", f"{_TAG}float")]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


def parse_documents(data: bytes, suffix: str, *, keep_numbers: bool = False) -> list[Any]:
    """The documents of a file: JSON has one, YAML any number. ``keep_numbers``: as text.

    Raises ValueError, yaml.YAMLError or, for a document that is nested too deeply, RecursionError.
    """
    text = decode(data)
    if suffix.lower() == ".json":
        hooks: dict[str, Any] = {"parse_int": str, "parse_float": str} if keep_numbers else {}
        return [json.loads(text, object_pairs_hook=_build_object, **hooks)]
    return list(yaml.load_all(text, _TextLoader if keep_numbers else _Loader))


def decode(data: bytes) -> str:
    """UTF-8, or UTF-16 with a byte order mark. A mark before a later document is dropped as well."""
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf_16 else "utf-8-sig").replace("\n\ufeff", "\n")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _check_unique((key for key, _ in pairs), "an object")
    return dict(pairs)


def _check_unique(fields: Iterable[Any], location: str) -> None:
    seen: set[str] = set()
    for name in map(str, fields):
        if name in seen:
            raise ValueError(f"{location}: {name!r} is written twice; keep one")
        seen.add(name)
