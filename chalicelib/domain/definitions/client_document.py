"""What `GET /definitions` answers: the flags and segments from which a client decides in its own process.

It is JSON, with one definition on each line. So a client finds a definition's key without parsing it, and
holds up the process around it for the time of one line, not of all.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.bucketing import KEY_PATTERN
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionName, DefinitionRow

FORMAT = "realtime-definitions-1"
_END = "\n]}"
_match_line = re.compile(
    rf'\{{"kind":"(flag|segment)","key":"({KEY_PATTERN})","version":([0-9]+),'
    r'(?:"alias":("(?:[^"\\]|\\.)*"),)?"definition":(\{.*\})\},?'
).fullmatch


@dataclass(frozen=True, slots=True)
class ClientDefinition:
    """``text`` is the definition as JSON; ``version`` is that of the publication that wrote it."""

    kind: DefinitionKind
    key: str
    version: int
    text: str
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class ClientDocument:
    """``version``: of the newest publication that it may hold. ``window``: seconds within which the same
    answer for the same user is recorded once; None if evaluations are not recorded.
    """

    version: int
    window: float | None
    definitions: Mapping[DefinitionName, ClientDefinition]


def encode_definitions(rows: Iterable[DefinitionRow], aliases: Mapping[str, str]) -> str:
    """The lines of all definitions, the same for the same ones. ``aliases``: of flags, by alias."""
    by_key = {key: alias for alias, key in aliases.items()}
    return ",\n".join(
        _encode_line(row, by_key.get(row.key) if row.kind == "flag" else None)
        for row in sorted(rows, key=lambda row: (row.kind, row.key))
    )


def encode_document(version: int, window: float | None, lines: str) -> str:
    """``lines`` are those of `encode_definitions`."""
    values = {"format": FORMAT, "version": version, "tracking_window": window}
    head = json.dumps(values, separators=(",", ":"))
    return f'{head[:-1]},"definitions":[\n{lines}{_END}'


def decode_document(text: str) -> ClientDocument:
    """Raises ValueError that says what is wrong. It also reads what a tool has written in another layout."""
    try:
        if not text.endswith(_END):
            text = _write_lines(json.loads(text))
        first, _, lines = text[: -len(_END)].partition("\n")
        head = json.loads(f"{first}]}}")
        _check_format(head["format"])
        window = head["tracking_window"]
        definitions = {(each.kind, each.key): each for each in _read_lines(lines)}
        return ClientDocument(int(head["version"]), None if window is None else float(window), definitions)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the document has another form: {error}") from None


def _encode_line(row: DefinitionRow, alias: str | None) -> str:
    named = "" if alias is None else f'"alias":{json.dumps(alias)},'
    # In JSON, a line feed is only ever space between two values.
    text = row.text.strip().replace("\n", " ")
    return f'{{"kind":"{row.kind}","key":"{row.key}","version":{row.version},{named}"definition":{text}}}'


def _read_lines(lines: str) -> Iterator[ClientDefinition]:
    for number, line in enumerate(lines.split("\n") if lines else (), 1):
        found = _match_line(line)
        if found is None:
            raise ValueError(f"definition {number} cannot be read")
        kind, key, version, alias, text = found.groups()
        named = None if alias is None else json.loads(alias)
        yield ClientDefinition("flag" if kind == "flag" else "segment", key, int(version), text, named)


def _check_format(found: object) -> None:
    if found != FORMAT:
        raise ValueError(f"the document must have the format {FORMAT}")


def _write_lines(document: Any) -> str:
    _check_format(document["format"])
    rows, aliases = [], {}
    for each in document["definitions"]:
        text = json.dumps(each["definition"], separators=(",", ":"))
        rows.append(DefinitionRow(each["kind"], each["key"], text, "", each["version"]))
        if each.get("alias") is not None:
            aliases[each["alias"]] = each["key"]
    lines = encode_definitions(rows, aliases)
    return encode_document(document["version"], document["tracking_window"], lines)
