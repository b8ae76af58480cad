"""What the person who replays a file says about it."""

from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from chalicelib.domain.spelling import suggest
from realtime.event_files.timestamps import check_format

MAPPABLE = (
    "event_id",
    "event_type",
    "user_id",
    "timestamp",
    "experiment_key",
    "flag_key",
    "value",
    "currency",
    "sent_at",
    "received_at",
    "properties",
    "metadata",
)
"""The fields of an event that a column or a constant may fill."""


@dataclass(frozen=True)
class ReadOptions:
    """An empty option is guessed from the file."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    timestamp_format: str = ""
    timezone: tzinfo = UTC
    shape: str = ""
    delimiter: str = ""
    decimal: str = ""
    encoding: str = ""
    header: tuple[str, ...] = ()
    null_texts: frozenset[str] = frozenset()


def parse_options(
    *,
    maps: list[str],
    constants: list[str],
    timestamp_format: str = "",
    timezone: str = "",
    shape: str = "",
    delimiter: str = "",
    decimal: str = "",
    encoding: str = "",
    columns: str = "",
    null_texts: list[str],
) -> ReadOptions:
    """ValueError names the option that is wrong, and how it is written."""
    if timestamp_format:
        check_format(timestamp_format)
    return ReadOptions(
        _parse_maps(maps),
        dict(_parse_pair("--const", text) for text in constants),
        timestamp_format,
        _parse_timezone(timezone) if timezone else UTC,
        shape,
        _parse_delimiter(delimiter),
        _parse_decimal(decimal),
        _parse_encoding(encoding),
        tuple(name.strip() for name in columns.split(",")) if columns else (),
        frozenset(null_texts),
    )


def _parse_maps(maps: list[str]) -> dict[str, tuple[str, ...]]:
    """A field that is named twice takes the first of its columns that is not empty."""
    columns: dict[str, tuple[str, ...]] = {}
    for text in maps:
        name, column = _parse_pair("--map", text)
        columns[name] = (*columns.get(name, ()), column)
    return columns


def _parse_pair(option: str, text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    form = f"{option} FIELD={'COLUMN' if option == '--map' else 'VALUE'}"
    if not separator or not value:
        raise ValueError(f"{option} {text}: write {form}")
    if name not in MAPPABLE or (option == "--const" and name in ("properties", "metadata")):
        raise ValueError(
            f"{option} {text}: {name!r} is not a field of an event{suggest(name, MAPPABLE)}; "
            f"the fields are {', '.join(MAPPABLE)}"
        )
    return name, value


def _parse_timezone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"--timezone {name}: unknown; write a name such as Europe/Berlin") from None


def _parse_delimiter(text: str) -> str:
    names = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
    delimiter = names.get(text, text)
    if len(delimiter) > 1:
        raise ValueError(f"--delimiter {text}: must be one character, or tab")
    return delimiter


def _parse_decimal(text: str) -> str:
    decimal = {"comma": ",", "point": ".", "dot": "."}.get(text, text)
    if decimal not in ("", ",", "."):
        raise ValueError(f"--decimal {text}: must be , or .")
    return decimal


def _parse_encoding(name: str) -> str:
    try:
        "".encode(name or "utf-8")
    except LookupError:
        raise ValueError(f"--encoding {name}: unknown; write a name such as cp1252 or utf-16") from None
    return name
