"""``time_window``: days of the week, hours of the day and dates, on the wall clock of a time zone."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from typing import Any

from chalicelib.domain.targeting.document import Condition, Unusable
from chalicelib.domain.targeting.values import Test, always, date_time, is_number, moment

Clock = Callable[[datetime], bool]
"""Whether a wall-clock time lies in the window."""

CLOCK_FIELDS = ("days", "start_time", "end_time", "start_date", "end_date")

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)


def time_window(condition: Condition) -> Test:
    """Version 1.0: ``start`` and ``end`` are ignored; a time that cannot be read is now."""
    window = condition.value
    if not isinstance(window, dict):
        raise Unusable("must be an object")
    if not window:
        return always
    zone = time_zone(window["timezone"]) if window.get("timezone") else None
    checks = clock_checks(window)

    def test(value: Any, now: float) -> bool:
        at = _read(value)
        if at is None:
            at = datetime.fromtimestamp(now, zone or UTC)
        elif zone is not None and at.tzinfo is not None:
            at = at.astimezone(zone)
        return all(check(at) for check in checks)

    return test


def _read(value: Any) -> datetime | None:
    if is_number(value):
        return moment(value)
    if isinstance(value, str):
        try:
            return date_time(value)
        except ValueError:
            return None
    return None


def clock_checks(window: dict[str, Any]) -> list[Clock]:
    checks: list[Clock] = []
    if "days" in window:
        checks.append(_days(window["days"]))
    for name, check in (("time", _hours), ("date", _dates)):
        start, end = f"start_{name}", f"end_{name}"
        if start in window and end in window:
            checks.append(check(window[start], window[end]))
        elif start in window or end in window:
            raise Unusable(f"must have both {start} and {end}, or neither")
    return checks


def _days(value: Any) -> Clock:
    if not isinstance(value, list) or not all(isinstance(day, int) and 0 <= day <= 6 for day in value):
        raise Unusable("must have days from 0 (Monday) to 6 (Sunday)")
    if not value:
        raise Unusable("has an empty list of days")
    days = frozenset(value)
    return lambda at: at.weekday() in days


def _hours(first: Any, last: Any) -> Clock:
    """Start is exact, the end lasts through its minute; a start after the end means overnight."""
    start, end = _time(first), _time(last)
    minute = end.hour, end.minute

    def until_end(at: time) -> bool:
        return at <= end or (at.hour, at.minute) == minute

    if start > end:
        return lambda at: at.time() >= start or until_end(at.time())
    return lambda at: at.time() >= start and until_end(at.time())


def _time(text: Any) -> time:
    try:
        parts = [int(part) for part in text.split(":")]
        hour, minute, second = (*parts, 0) if len(parts) == 2 else parts
        return time(hour, minute, second)
    except (AttributeError, ValueError, OverflowError):
        raise Unusable("must have times like 09:00 or 17:30:00") from None


def _dates(first: Any, last: Any) -> Clock:
    start, end = _date(first), _date(last)
    if start > end:
        raise Unusable("ends before its start_date")
    return lambda at: start <= at.date() <= end


def _date(text: Any) -> date:
    match = _DATE.fullmatch(text) if isinstance(text, str) else None
    try:
        if match:
            return date(*map(int, match.groups()))
    except ValueError:
        pass
    raise Unusable("must have dates like 2026-01-31")


def time_zone(name: Any) -> tzinfo:
    """IANA name, aliases included, in any case. Imports its data only when a rule names a zone."""
    known = _zone_names().get(name.lower()) if isinstance(name, str) else None
    if known is None:
        raise Unusable("must have an IANA timezone like Europe/Berlin")
    from zoneinfo import ZoneInfo

    return ZoneInfo(known)


@cache
def _zone_names() -> dict[str, str]:
    from importlib.resources import files

    names = (files("tzdata") / "zones").read_text(encoding="ascii").split()
    return {name.lower(): name for name in names}
