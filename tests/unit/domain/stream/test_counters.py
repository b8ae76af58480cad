"""Positions, tallies and what they add."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.stream.counters import (
    Counter,
    Entry,
    Tally,
    experiment_scope,
    format_day,
    format_position,
    parse_day,
    to_day_and_hour,
)

COUNTER = Counter("checkout", "control", "purchase", 20_779, "events/shardId-000000000000")
numbers = st.integers(1, 10**129 - 1)


@given(numbers, numbers)
def test_positions_order_as_sequence_numbers_do(first: int, second: int) -> None:
    assert (format_position(str(first)) < format_position(str(second))) == (first < second)
    assert format_position(str(first)) == format_position(f"000{first}")


@given(st.lists(st.integers(1, 50), min_size=1, unique=True).map(sorted), st.integers(0, 51))
def test_what_is_left_of_a_tally_lies_after_the_position(positions: list[int], counted: int) -> None:
    tally = Tally(COUNTER, [Entry(format_position(str(number)), 0) for number in positions])
    rest = tally.after(format_position(str(counted)))
    expected = [format_position(str(number)) for number in positions if number > counted]
    assert [entry.position for entry in (rest.entries if rest else [])] == expected


def test_a_tally_adds_up_by_the_hour() -> None:
    entries = [
        Entry("1", 9),
        Entry("2", 10, 5),
        Entry("3", 10, -3),
        Entry("4", 10),
        Entry("4", 23, number=-1),
    ]
    assert Tally(COUNTER, entries).increments() == {"n09": 1, "n10": 3, "s10": 2, "q10": 34, "n23": -1}


@given(st.floats(-6e10, 2.5e11))
def test_a_day_is_divided_into_24_hours_of_utc(timestamp: float) -> None:
    day, hour = to_day_and_hour(timestamp)
    assert day * 86_400 + hour * 3_600 <= timestamp < day * 86_400 + (hour + 1) * 3_600
    assert 0 <= hour < 24
    assert parse_day(format_day(day)) == day


def test_a_restarted_experiment_counts_from_zero() -> None:
    assert experiment_scope("checkout", 1) == "checkout"
    assert experiment_scope("checkout", 2) == "checkout@2"
