"""Times as people write them in files, as ISO 8601 text in UTC."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from realtime.event_files.numbers import describe_kind

EPOCHS = {"epoch_s": 0, "epoch_ms": 3, "epoch_us": 6, "epoch_ns": 9}
"""Format → by how many digits it is finer than a second."""
FORMATS = ("iso", *EPOCHS)
_NUMBER = re.compile(r"-?\d+(?:\.\d*)?", re.ASCII)
_OFFSET = re.compile(r" ?(?:UTC|GMT)$|(?<=\d) (?=[+-]\d\d:?\d\d$)")
_DATES = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y")
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p", ", %H:%M:%S")
PATTERNS = (
    *(date + time for date in _DATES for time in _TIMES),
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
    "%b %d, %Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%b %d, %Y",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check_format(name: str) -> None:
    """ValueError unless it is a name of FORMATS or a pattern of strptime."""
    if name in FORMATS:
        return
    if "%" not in name:
        raise ValueError(
            f"--timestamp-format {name}: must be {', '.join(FORMATS)}, or a pattern such as '%d/%m/%Y %H:%M'"
        )
    try:
        datetime.strptime(_EPOCH.strftime(name), name)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error):
        raise ValueError(f"--timestamp-format {name}: is not a pattern that strptime understands") from None


def convert_timestamp(value: object, format_name: str, timezone: tzinfo = UTC) -> str:
    """Text with an offset stays as it is written; a time without one is in ``timezone``.

    Raises ValueError with the kind of the value and the remedy.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{describe_kind(value)} is no time")  # noqa: TRY004 - of the file
    if format_name in EPOCHS:
        return _convert_epoch(value, EPOCHS[format_name])
    text = str(value).strip()
    if format_name == "iso":
        return _convert_iso(text, timezone)
    try:
        moment = datetime.strptime(text, format_name)  # noqa: DTZ007 - its zone is named below
    except ValueError:
        raise ValueError(_explain(text, format_name)) from None
    return _format(moment if moment.tzinfo else moment.replace(tzinfo=timezone))


@lru_cache(4096)  # days repeat
def _convert_iso(text: str, timezone: tzinfo) -> str:
    try:
        moment = parse_iso(text)
    except ValueError:
        raise ValueError(_explain(text, "iso")) from None
    if moment.tzinfo and " " not in text:
        return text
    return _format(moment if moment.tzinfo else moment.replace(tzinfo=timezone))


def parse_iso(text: str) -> datetime:
    """Also `2026-01-31 09:00:00 UTC` and `2026-01-31 09:00:00 -0500`. No bare number is a time."""
    if _NUMBER.fullmatch(text) and len(text) != len("20260131"):
        raise ValueError(text)
    plain = _OFFSET.sub(lambda match: "+00:00" if match[0].strip() else "", text)
    return datetime.fromisoformat(plain)


def guess_format(values: Iterable[object]) -> str:
    """The format that fits more values than any other; empty if there is none, or two fit as many."""
    given = [value for value in values if value not in (None, "")]
    fits = Counter(name for value in given for name in list_formats(value))
    best = [name for name, count in fits.items() if count == max(fits.values())]
    return ("" if given else "iso") if not best else best[0] if len(best) == 1 else ""


def list_formats(value: object) -> list[str]:
    """The known formats that fit a value."""
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return []
    if _is_iso(text):
        return ["iso"]
    if _NUMBER.fullmatch(text):
        return [unit] if (unit := _guess_unit(float(text))) else []
    return [pattern for pattern in PATTERNS if _fits(text, pattern)]


def _guess_unit(number: float) -> str:
    """By its size: seconds until the year 5138, milliseconds from 1973 on, and so on."""
    size = abs(number)
    return next((name for name, digits in EPOCHS.items() if size < 10 ** (11 + digits)), "")


def _is_iso(text: str) -> bool:
    try:
        return bool(parse_iso(text))
    except ValueError:
        return False


def _fits(text: str, pattern: str) -> bool:
    try:
        return bool(datetime.strptime(text, pattern))  # noqa: DTZ007 - only whether it fits
    except ValueError:
        return False


def _convert_epoch(value: str | float, digits: int) -> str:
    text = str(value).strip()
    try:
        if not _NUMBER.fullmatch(text):
            number = float(text)  # 1.6e9
            whole, fraction = divmod(round(number * 10 ** (6 - digits)), 10**6)
        else:
            whole_text, _, decimals = text.partition(".")
            micros = int(whole_text + decimals.ljust(6, "0")[:6]) // 10**digits
            whole, fraction = divmod(micros, 10**6)
        return _format(_EPOCH + timedelta(seconds=whole, microseconds=fraction))
    except (ValueError, OverflowError):
        raise ValueError(f"{describe_kind(value)} is no time in {_name(digits)} since 1970") from None


def _name(digits: int) -> str:
    return {0: "seconds", 3: "milliseconds", 6: "microseconds", 9: "nanoseconds"}[digits]


def _format(moment: datetime) -> str:
    try:
        return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        raise ValueError("a time outside of the years 1 to 9999") from None


def _explain(text: str, format_name: str) -> str:
    if not text:
        return "an empty value is no time"
    if format_name != "iso":
        return f"{describe_kind(text)} does not fit {format_name}; --timestamp-format names another"
    if _NUMBER.fullmatch(text):
        unit = _guess_unit(float(text)) or "epoch_s"
        return f"a number is no ISO 8601 time; say --timestamp-format {unit}"
    fitting = " or ".join(f"'{pattern}'" for pattern in list_formats(text)[:3])
    return f"{describe_kind(text)} is no ISO 8601 time; say --timestamp-format {fitting or 'PATTERN'}"
