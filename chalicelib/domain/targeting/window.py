"""``time_window``: weekdays, hours and dates on the clock of a time zone, in both versions."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from functools import cache
from typing import Any

from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import (
    Test,
    always,
    is_number,
    parse_date_time,
    read_time_operand_v2,
    read_time_v1,
    read_time_v2,
)

ClockCheck = Callable[[datetime], bool]
"""Local time -> whether it lies in the window."""

CLOCK_FIELDS = ("days", "start_time", "end_time", "start_date", "end_date")

_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)


def build_time_window_v1(condition: Condition) -> Test:
    """``start`` and ``end`` are ignored. A time that cannot be read is now."""
    window = condition.value
    if not isinstance(window, dict):
        raise InvalidOperand("must be an object")
    if not window:
        return always
    zone = load_zone(window["timezone"]) if window.get("timezone") else None
    checks = _build_clock_checks(window)

    def test(value: Any, now: float) -> bool:
        local = _read_time_or_none(value)
        if local is None:
            local = datetime.fromtimestamp(now, zone or UTC)
        elif zone is not None and local.tzinfo is not None:
            local = local.astimezone(zone)
        return all(check(local) for check in checks)

    return test


def _read_time_or_none(value: Any) -> datetime | None:
    if is_number(value):
        return read_time_v1(value)
    if isinstance(value, str):
        try:
            return parse_date_time(value)
        except ValueError:
            return None
    return None


def build_time_window_v2(condition: Condition) -> Test:
    """``start`` and ``end`` are instants, inclusive; all else is local time in ``timezone`` or UTC."""
    if not isinstance(condition.value, dict):
        raise InvalidOperand("must be an object")
    window = {name: value for name, value in condition.value.items() if value is not None}
    unknown = window.keys() - {"start", "end", "timezone", *CLOCK_FIELDS}
    if unknown or not window.keys() - {"timezone"}:
        raise InvalidOperand(
            f"knows start, end, timezone, {', '.join(CLOCK_FIELDS)}, and needs more than timezone"
        )
    zone = load_zone(window["timezone"]) if "timezone" in window else UTC
    if isinstance(window.get("days"), list) and any(isinstance(day, bool) for day in window["days"]):
        raise InvalidOperand("must have days from 0 (Monday) to 6 (Sunday), not booleans")
    start = read_time_operand_v2(window["start"]) if "start" in window else None
    end = read_time_operand_v2(window["end"]) if "end" in window else None
    if start and end and start > end:
        raise InvalidOperand("ends before it starts")
    checks = _build_clock_checks(window)

    def test(value: Any, _now: float) -> bool:
        time = read_time_v2(value)
        if (start and time < start) or (end and time > end):
            return False
        local = time[0].astimezone(zone)
        return all(check(local) for check in checks)

    return test


def _build_clock_checks(window: dict[str, Any]) -> list[ClockCheck]:
    checks: list[ClockCheck] = []
    if "days" in window:
        checks.append(_build_days_check(window["days"]))
    for name, build_check in (("time", _build_hours_check), ("date", _build_dates_check)):
        start, end = f"start_{name}", f"end_{name}"
        if start in window and end in window:
            checks.append(build_check(window[start], window[end]))
        elif start in window or end in window:
            raise InvalidOperand(f"must have both {start} and {end}, or neither")
    return checks


def _build_days_check(value: Any) -> ClockCheck:
    if not isinstance(value, list) or not all(isinstance(day, int) and 0 <= day <= 6 for day in value):
        raise InvalidOperand("must have days from 0 (Monday) to 6 (Sunday)")
    if not value:
        raise InvalidOperand("has an empty list of days")
    days = frozenset(value)
    return lambda local: local.weekday() in days


def _build_hours_check(first: Any, last: Any) -> ClockCheck:
    """The end lasts through its minute: 17:00 includes 17:00:59. A start after the end means overnight."""
    start, end = _parse_time(first), _parse_time(last)
    minute = end.hour, end.minute

    def is_until_end(clock: time) -> bool:
        return clock <= end or (clock.hour, clock.minute) == minute

    if start > end:
        return lambda local: local.time() >= start or is_until_end(local.time())
    return lambda local: local.time() >= start and is_until_end(local.time())


def _parse_time(text: Any) -> time:
    try:
        parts = [int(part) for part in text.split(":")]
        hour, minute, second = (*parts, 0) if len(parts) == 2 else parts
        return time(hour, minute, second)
    except (AttributeError, ValueError, OverflowError):
        raise InvalidOperand("must have times like 09:00 or 17:30:00") from None


def _build_dates_check(first: Any, last: Any) -> ClockCheck:
    start, end = _parse_date(first), _parse_date(last)
    if start > end:
        raise InvalidOperand("ends before its start_date")
    return lambda local: start <= local.date() <= end


def _parse_date(text: Any) -> date:
    match = _DATE.fullmatch(text) if isinstance(text, str) else None
    try:
        if match:
            return date(*map(int, match.groups()))
    except ValueError:
        pass
    raise InvalidOperand("must have dates like 2026-01-31")


def load_zone(name: Any) -> tzinfo:
    """By IANA name, aliases included, in any case. Imports the data only when a rule names a zone."""
    zone_name = _read_zone_names().get(name.lower()) if isinstance(name, str) else None
    if zone_name is None:
        raise InvalidOperand("must have an IANA timezone like Europe/Berlin")
    from zoneinfo import ZoneInfo

    return ZoneInfo(zone_name)


@cache
def _read_zone_names() -> dict[str, str]:
    from importlib.resources import files

    names = (files("tzdata") / "zones").read_text(encoding="ascii").split()
    return {name.lower(): name for name in names}
