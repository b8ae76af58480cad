"""The relation ``weekly``: whether an instant lies in a window that comes back every week."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.domain.general_form.values import UNREADABLE, Relation, UnusableOperand
from chalicelib.domain.targeting.document import InvalidOperand
from chalicelib.domain.targeting.window import load_zone

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)
_DAY_MINUTES = 24 * 60


def build_weekly(window: Any) -> Relation:
    """``{days: [fri], from: "22:00", until: "06:00", timezone: Europe/Berlin}`` of epoch seconds.

    A window that ends before it begins runs into the next day, and belongs to the day it begins in. ``until``
    is exclusive. Raises UnusableOperand.
    """
    if not isinstance(window, dict):
        raise UnusableOperand("must be an object")
    days = _read_days(window.get("days", list(DAYS)))
    start = _read_minutes(window.get("from", "00:00"), "from")
    end = _read_minutes(window.get("until", "24:00"), "until")
    if start in (end, _DAY_MINUTES):
        raise UnusableOperand("must have until after from, or before it for a window over midnight")
    try:
        zone = load_zone(window.get("timezone", "UTC"))
    except InvalidOperand as error:
        raise UnusableOperand(str(error)) from None
    is_overnight = end < start

    def is_inside(seconds: Any) -> Any:
        if type(seconds) not in (int, float):
            return UNREADABLE
        try:
            local = datetime.fromtimestamp(seconds, zone)
            minute, day = local.hour * 60 + local.minute, local.weekday()
            if not is_overnight:
                return start <= minute < end and day in days
            before = (local - timedelta(days=1)).weekday()
        except (ValueError, OverflowError, OSError):  # a year that datetime does not have
            return UNREADABLE
        return (minute >= start and day in days) or (minute < end and before in days)

    return is_inside


def _read_days(days: Any) -> frozenset[int]:
    if (
        not isinstance(days, list)
        or not days
        or not all(isinstance(day, str) and day in DAYS for day in days)
    ):
        raise UnusableOperand(f"must have days, of {', '.join(DAYS)}")
    return frozenset(map(DAYS.index, days))


def _read_minutes(text: Any, name: str) -> int:
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    minutes = int(match[1]) * 60 + int(match[2]) if match else _DAY_MINUTES + 1
    if minutes > _DAY_MINUTES:
        raise UnusableOperand(f'must have {name} as a time between quotes, such as "22:00"')
    return minutes


WEEKLY_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {"weekly": build_weekly}
