"""Which day an object of the archive belongs to, by its key (docs/archive.md)."""

import re
from datetime import date, timedelta
from typing import NamedTuple

from realtime.analysis.archive.files import Days

RAW = "raw/events/"
COMPACTED = "parquet/events/"
MANIFEST = "manifest.json"
_DAY = r"year=(\d{4})/month=(\d{2})/day=(\d{2})/"
_RAW = re.compile(RAW + _DAY + r"(hour=\d{2}/)?[^/]+\.jsonl\.gz")
_COMPACTED = re.compile(COMPACTED + _DAY + r"(manifest\.json|[0-9a-f]{32}\.parquet)")


class Partition(NamedTuple):
    """``is_by_delivery``: Firehose files objects by the day of their delivery, not of their events."""

    day: date
    is_by_delivery: bool = False


def read_raw_key(key: str) -> Partition | None:
    """None: no object of events."""
    match = _RAW.fullmatch(key)
    day = match and _read_day(match)
    return Partition(day, match[4] is None) if match and day else None


def read_compacted_key(key: str) -> date | None:
    match = _COMPACTED.fullmatch(key)
    return _read_day(match) if match else None


def write_folder(day: date) -> str:
    """Of one day, behind `RAW` or `COMPACTED`."""
    return f"year={day.year:04d}/month={day.month:02d}/day={day.day:02d}/"


def is_needed(partition: Partition, days: Days) -> bool:
    """An event is delivered on its own day or later, however much later if it is backfilled. Clocks differ,
    so it may also be the evening before."""
    first, last = days
    if partition.is_by_delivery:
        return first is None or partition.day >= first - timedelta(days=1)
    return (first is None or partition.day >= first) and (last is None or partition.day <= last)


def _read_day(match: re.Match[str]) -> date | None:
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
