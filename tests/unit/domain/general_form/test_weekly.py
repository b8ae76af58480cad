"""Windows that come back every week, on the clock of a time zone."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.general_form.relations.weekly import DAYS, build_weekly
from chalicelib.domain.general_form.values import UNREADABLE, UnusableOperand

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = {"days": ["fri"], "from": "22:00", "until": "06:00", "timezone": "Europe/Berlin"}


def in_berlin(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp()


@pytest.mark.parametrize(
    ("window", "time", "is_inside"),
    [
        (NIGHT, "2026-11-27T21:59:59", False),  # a Friday
        (NIGHT, "2026-11-27T22:00:00", True),
        (NIGHT, "2026-11-28T05:59:59", True),  # the night that began on Friday
        (NIGHT, "2026-11-28T06:00:00", False),
        (NIGHT, "2026-11-27T05:00:00", False),  # the night that began on Thursday
        (NIGHT, "2026-11-28T23:00:00", False),
        ({"days": ["sat", "sun"], "timezone": "Europe/Berlin"}, "2026-11-28T00:00:00", True),
        ({"days": ["sat", "sun"], "timezone": "Europe/Berlin"}, "2026-11-30T00:00:00", False),
        ({"from": "09:00", "until": "17:00", "timezone": "Europe/Berlin"}, "2026-07-01T09:00:00", True),
        ({"from": "09:00", "until": "17:00", "timezone": "Europe/Berlin"}, "2026-07-01T17:00:00", False),
        ({"from": "09:00", "timezone": "Europe/Berlin"}, "2026-07-01T23:59:59", True),
        ({"from": "09:00", "until": "17:00"}, "2026-07-01T10:30:00", False),  # 08:30 UTC
    ],
)
def test_a_window_belongs_to_the_day_it_begins_in(window: Any, time: str, is_inside: bool) -> None:
    assert build_weekly(window)(in_berlin(time)) is is_inside


@pytest.mark.parametrize(
    "window",
    [
        [],
        {"days": []},
        {"days": ["monday"]},
        {"days": [0]},
        {"days": [["mon"]]},
        {"from": "9:00"},
        {"from": 540},
        {"from": "24:00"},
        {"until": "24:30"},
        {"from": "09:00", "until": "09:00"},
        {"timezone": "Berlin"},
        {"timezone": 1},
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(window: Any) -> None:
    with pytest.raises(UnusableOperand, match=r"must (have|be)"):
        build_weekly(window)


@pytest.mark.parametrize("value", ["now", None, True, [], {}, float("nan"), float("inf"), 1e300, -(10**400)])
def test_what_is_no_time_is_unreadable(value: Any) -> None:
    assert build_weekly(NIGHT)(value) is UNREADABLE


@given(
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
    start=st.integers(0, 23 * 60 + 59),
    end=st.integers(0, 24 * 60),
    second=st.integers(1_780_000_000, 1_800_000_000),
)
def test_a_window_is_the_minutes_from_its_beginning_to_its_end(
    days: list[str], start: int, end: int, second: int
) -> None:
    if start == end:
        return
    length = (end - start) % (24 * 60) or 24 * 60
    zone = ZoneInfo("Asia/Kolkata")  # without summer time: each day has 24 hours
    now = datetime.fromtimestamp(second, zone)
    midnights = (now.replace(hour=0, minute=0, second=0) - timedelta(days=back) for back in (0, 1))
    expected = any(
        DAYS[midnight.weekday()] in days
        and midnight + timedelta(minutes=start) <= now < midnight + timedelta(minutes=start + length)
        for midnight in midnights
    )
    window = {"days": days, "from": write(start), "until": write(end), "timezone": "Asia/Kolkata"}
    assert build_weekly(window)(second) is expected


def write(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
