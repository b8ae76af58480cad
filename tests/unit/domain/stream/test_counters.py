"""Positions, tallies and what they add."""

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.stream.amounts import SCALE
from chalicelib.domain.stream.counters import (
    Counter,
    Entry,
    Sums,
    Tally,
    experiment_scope,
    format_day,
    format_position,
    parse_day,
    parse_hours,
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
    unit = SCALE // 10_000
    entries = [
        Entry("1", 9),
        Entry("2", 10, 5 * unit),
        Entry("3", 10, -3 * unit),
        Entry("4", 10),
        Entry("4", 23, number=-1),
    ]
    assert Tally(COUNTER, entries).increments() == {"n09": 1, "n10": 3, "s10": 2, "q10": 34, "n23": -1}


@given(st.lists(st.lists(st.none() | st.integers(-(10**29), 10**29), min_size=1, max_size=4), max_size=4))
def test_sums_are_exact_whatever_is_added_together(batches: list[list[int | None]]) -> None:
    stored: dict[str, int] = {}
    for batch in batches:
        for name, number in Tally(COUNTER, [Entry("1", 7, amount) for amount in batch]).increments().items():
            stored[name] = stored.get(name, 0) + number
    amounts = [amount for batch in batches for amount in batch]
    values = [amount for amount in amounts if amount is not None]
    expected = Sums(len(amounts), sum(values), sum(value * value for value in values))
    assert parse_hours(stored) == ({7: expected} if amounts else {})
    assert all(abs(number) < 10**38 for number in stored.values())


def test_counters_of_before_there_were_finer_units_are_read() -> None:
    sums = parse_hours({"n10": 2, "s10": 123_400, "q10": 123_400**2, "n11": 1})
    assert sums[10] == Sums(2, 1234 * SCALE // 100, (1234 * SCALE // 100) ** 2)
    assert sums[11] == Sums(1)


keys = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), min_size=1, max_size=128)


@given(keys, st.sampled_from(["", "EUR", "usdt"]))
def test_a_key_names_its_counter(event_type: str, currency: str) -> None:
    counter = Counter("checkout", "$unassigned", event_type, 20_779, "events/shardId-000000000000", currency)
    assert Counter.parse("checkout", counter.sort_key) == counter
    assert len(counter.sort_key.encode()) < 1024


def test_keys_of_before_there_were_currencies_stay_as_they_are() -> None:
    assert COUNTER.sort_key == "2026-11-22#control#purchase#events/shardId-000000000000"


@given(st.floats(-6e10, 2.5e11))
def test_a_day_is_divided_into_24_hours_of_utc(timestamp: float) -> None:
    day, hour = to_day_and_hour(timestamp)
    assert day * 86_400 + hour * 3_600 <= timestamp < day * 86_400 + (hour + 1) * 3_600
    assert 0 <= hour < 24
    assert parse_day(format_day(day)) == day


def test_a_restarted_experiment_counts_from_zero() -> None:
    assert experiment_scope("checkout", 1) == "checkout"
    assert experiment_scope("checkout", 2) == "checkout@2"
