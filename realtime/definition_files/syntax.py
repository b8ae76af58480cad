"""YAML 1.2 and JSON as Python values, in bounded time and memory (docs/adr/035-hostile-files.md).

A field that is written twice is an error in both. So is YAML that repeats itself by aliases until it is huge.
"""

import codecs
import re
from collections.abc import Iterable
from typing import Any, NoReturn

import yaml

from realtime.safe_reading.strict_json import DEPTH_RULE, MAX_DEPTH, MAX_DIGITS, NUMBER_RULE, parse_json

MAX_BYTES = 16_000_000
"""Of a file of JSON."""
MAX_YAML_BYTES = 8_000_000
"""Also as it would be if its aliases were written out. YAML takes a second for each 200 KB."""
_VALUE_BYTES = 32
"""That a value counts at least."""
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(f"{_TAG}{name}" for name in ("null", "bool", "int", "float"))
_NUMBER_TAGS = frozenset({f"{_TAG}int", f"{_TAG}float"})


class _Loader(yaml.SafeLoader):
    """YAML 1.2: ``on``, ``no``, ``2026-01-31`` and ``12:30`` are text, as they are in JSON.

    A field that is written twice is refused: YAML would drop the first, which may be a kill switch.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._bytes = 0
        self._sizes: dict[str, int] = {}
        """Of each anchor of this document that is complete."""

    def compose_document(self) -> yaml.Node | None:
        self._sizes = {}
        return super().compose_document()

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._count(self._sizes.get(str(event.anchor), 0), event)
            if event.anchor in self.anchors and event.anchor not in self._sizes:
                _refuse(event, f"*{event.anchor} contains itself")
            return super().compose_node(parent, index)
        start = self._bytes
        self._count(_VALUE_BYTES + len(getattr(event, "value", "")), event)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _refuse(event, DEPTH_RULE)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if event.anchor is not None:
            self._sizes[event.anchor] = self._bytes - start
        return node

    def compose_scalar_node(self, anchor: dict[Any, yaml.Node]) -> yaml.ScalarNode:  # typeshed's type of it
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        node = super().compose_scalar_node(anchor)
        plain_tag = self.resolve(yaml.ScalarNode, node.value, (True, False))  # type: ignore[no-untyped-call]
        if event.tag in _PLAIN_TAGS and event.tag != plain_tag:
            tag = node.tag.removeprefix(_TAG)
            _refuse(event, f"!!{tag} does not fit {_shorten(node.value)}; remove it")
        if node.tag in _NUMBER_TAGS and len(node.value) > MAX_DIGITS:
            _refuse(event, NUMBER_RULE)
        return node

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        _check_unique(key for key, _ in node.value)
        return node

    def _count(self, size: int, event: Any) -> None:
        self._bytes += size
        if self._bytes > MAX_YAML_BYTES:
            limit = f"{MAX_YAML_BYTES // 1_000_000} MB"
            _refuse(event, f"with its aliases written out, the file has over {limit}; split it")


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


TEXT_RESOLVERS = _Loader.yaml_implicit_resolvers
"""What is no text without quotes: patterns by the first letter. Who writes YAML has to quote it."""


def _construct_integer(_loader: _Loader, node: yaml.ScalarNode) -> int:
    """Decimal even with a leading zero, which YAML 1.1 reads as octal."""
    text = str(node.value)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_Loader.add_constructor(f"{_TAG}int", _construct_integer)


class _NumbersAsText(yaml.constructor.SafeConstructor):
    """Numbers stay the text that they are in the file."""


for _tag in _NUMBER_TAGS:
    _NumbersAsText.add_constructor(_tag, _NumbersAsText.construct_yaml_str)  # type: ignore[type-var]


def parse_documents(data: bytes, suffix: str) -> list[Any]:
    """The documents of a file; raises what `parse_written` does."""
    return parse_written(data, suffix)[0]


def parse_written(data: bytes, suffix: str) -> tuple[list[Any], list[Any]]:
    """The documents of a file, and the same with each number as its text. JSON has one, YAML any number.

    Raises ValueError, yaml.YAMLError or, for a document that is nested too deeply, RecursionError.
    """
    is_json = suffix.lower() == ".json"
    if not is_json and len(data) > MAX_YAML_BYTES:
        limit, json_limit = (f"{size // 1_000_000} MB" for size in (MAX_YAML_BYTES, MAX_BYTES))
        raise ValueError(f"has over {limit}; split it, or write it as JSON, which may have {json_limit}")
    text = decode(data)
    if is_json:
        value = parse_json(text, allow_constants=True)
        return [value], [parse_json(text, keep_numbers=True, allow_constants=True)]
    documents, written = [], []
    loader, constructor = _Loader(text), _NumbersAsText()
    try:
        while loader.check_node():
            node = loader.get_node()
            documents.append(loader.construct_document(node))
            written.append(constructor.construct_document(node))
    finally:
        loader.dispose()
    return documents, written


def decode(data: bytes) -> str:
    """UTF-8, or UTF-16 with a byte order mark. A mark before a later document is dropped as well."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise ValueError("is UTF-32; save it as UTF-8")
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not is_utf_16 and b"\0" in data:
        raise ValueError(f"has a NUL at byte {data.index(0)}; save it as UTF-8")
    return data.decode("utf-16" if is_utf_16 else "utf-8-sig").replace("\n\ufeff", "\n")


def _check_unique(keys: Iterable[yaml.Node]) -> None:
    seen: set[str] = set()
    for key in keys:
        name = str(key.value)
        if name in seen:
            _refuse(key, f"{_shorten(name)} is written twice; keep one")
        seen.add(name)


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:79]}…")


def _refuse(place: Any, reason: str) -> NoReturn:
    """``place`` is an event or a node."""
    raise ValueError(f"line {place.start_mark.line + 1}: {reason}")
