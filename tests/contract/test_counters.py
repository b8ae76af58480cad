"""What every store of counters does: the one in memory and the one in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.counters import (
    Counter,
    CounterItem,
    Counters,
    Entry,
    Sums,
    Tally,
    format_position,
    sum_hours,
)
from chalicelib.stores.clients import Clients
from chalicelib.stores.counters import CounterStore
from realtime.recount.differences import Correction
from realtime.testing.event_stores import MemoryCounters
from tests.support.streams import FIRST

COUNTER = Counter("checkout", "control", "purchase", 20_779, "events/shardId-000000000000")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Counters:
    if request.param == "memory":
        return MemoryCounters()
    settings = request.getfixturevalue("aws_settings")
    return CounterStore(request.getfixturevalue("service_clients"), settings.counters_table)


def at(number: int) -> str:
    return format_position(str(FIRST + number))


def tally(*numbers: int, counter: Counter = COUNTER, amount: int | None = None) -> Tally:
    return Tally(counter, [Entry(at(number), 10, amount) for number in numbers])


def test_a_new_counter_takes_the_whole_tally(store: Counters) -> None:
    assert store.add(tally(1, 2, 3, amount=123_456), None) is None
    assert list(store.read("checkout")) == [CounterItem(COUNTER, {10: Sums(3, 370_368, 3 * 123_456**2)})]


def test_sums_are_exact_beyond_what_a_float_holds(store: Counters) -> None:
    most = 1_000_000_000 * 10_000  # squared 27 digits: the emulator adds with 28, DynamoDB with 38
    store.add(tally(1, amount=most), None)
    store.add(tally(2, amount=-1), None)
    [counted] = store.read("checkout")
    assert counted.hours[10] == Sums(2, most - 1, most * most + 1)


def test_positions_are_read_with_the_counts_and_stay_after_a_fold(store: Counters) -> None:
    store.add(tally(1, 5), None)
    counted = store.read_positions("checkout")
    assert counted.items == list(store.read("checkout"))
    assert counted.positions == {COUNTER: at(5)}
    store.fold("checkout", COUNTER.day + 1, 0.0)
    assert store.read_positions("checkout").positions == {COUNTER: at(5)}


def test_a_correction_takes_away_what_was_too_much(store: Counters) -> None:
    store.add(tally(1, 2, amount=300_000_000_000_000_001), None)
    correction = COUNTER._replace(shard="recount")
    missing = {10: Sums(-1, -300_000_000_000_000_001, -(300_000_000_000_000_001**2))}
    assert store.add(Correction(correction, missing, format_position("1")), None) is None
    assert store.add(Correction(correction, missing, format_position("1")), None) == format_position("1")
    totals = [sum_hours(item.hours) for item in store.read("checkout")]
    assert totals[0].plus(totals[1]) == Sums(1, 300_000_000_000_000_001, 300_000_000_000_000_001**2)


def test_a_repeated_write_is_refused_with_the_stored_position(store: Counters) -> None:
    store.add(tally(1, 5), None)
    for repeated in [tally(1, 5), tally(1), tally(5, 6), tally(2, 3)]:
        assert store.add(repeated, None) == at(5)
    [counted] = store.read("checkout")
    assert counted.hours[10].count == 2


def test_the_rest_of_a_tally_is_added_at_the_position_of_the_counter(store: Counters) -> None:
    store.add(tally(1, 5), None)
    assert store.add(tally(6, 7), at(4)) == at(5)
    assert store.add(tally(6, 7), at(5)) is None
    assert store.add(tally(6, 7), at(5)) == at(7)
    [counted] = store.read("checkout")
    assert counted.hours[10].count == 4


def test_hours_and_what_they_sum_are_kept_apart(store: Counters) -> None:
    entries = [Entry(at(1), 0, 10), Entry(at(2), 23), Entry(at(3), 23, None, -1)]
    store.add(Tally(COUNTER, entries), None)
    [counted] = store.read("checkout")
    assert counted.hours == {0: Sums(1, 10, 100), 23: Sums(0, 0, 0)}


def test_a_scope_is_read_with_all_its_counters_and_no_other(store: Counters) -> None:
    others = [COUNTER._replace(**change) for change in ({"day": 0}, {"variant": "b"}, {"shard": "s/1"})]
    for counter in [*others, COUNTER._replace(scope="checkout@2"), COUNTER._replace(scope="check")]:
        store.add(tally(1, counter=counter), None)
    assert {counted.counter for counted in store.read("checkout")} == set(others)


DAYS = 86_400.0
NOW = 20_790 * DAYS


def read_sums(store: Counters, scope: str = "checkout") -> dict[tuple[str, str, int, int], Sums]:
    totals: dict[tuple[str, str, int, int], Sums] = {}
    for counter, hours in store.read(scope):
        for hour, sums in hours.items():
            key = counter.event_type, counter.currency, counter.day, hour
            totals[key] = totals.get(key, Sums()).plus(sums)
    return totals


def test_closed_days_are_folded_into_one_item_each(store: Counters) -> None:
    shards = [
        COUNTER._replace(shard=f"s/{number}", day=day) for number in range(3) for day in (20_779, 20_780)
    ]
    for number, counter in enumerate(shards):
        store.add(tally(number, counter=counter, amount=10**14 + number), None)
        store.add(tally(number, counter=counter._replace(currency="EUR"), amount=1), None)
    before = read_sums(store)
    assert store.fold("checkout", 20_780, NOW) == 6
    items = list(store.read("checkout"))
    assert [item.counter.shard for item in items if item.counter.day == 20_779] == ["folded"] * 2
    assert len(items) == 6 + 2
    assert read_sums(store) == before
    assert {item.total.count for item in items if item.counter.day == 20_779} == {3}
    assert store.fold("checkout", 20_780, NOW) == 0


def test_what_arrives_after_a_day_was_folded_counts_once(store: Counters) -> None:
    store.add(tally(1, 2, 3, amount=7), None)
    store.fold("checkout", 20_780, NOW)
    assert store.add(tally(2, 3, amount=7), None) == at(3)  # delivered again
    assert store.add(tally(4, amount=7), at(3)) is None
    assert store.add(tally(5, amount=7), None) is None
    expected = {("purchase", "", 20_779, 10): Sums(5, 35, 5 * 49)}
    assert read_sums(store) == expected
    assert store.fold("checkout", 20_780, NOW) == 1
    assert read_sums(store) == expected
    assert len(list(store.read("checkout"))) == 1


def test_positions_are_forgotten_when_no_record_can_come_again(store: Counters) -> None:
    store.add(tally(1, amount=7), None)
    store.fold("checkout", 20_780, NOW)
    store.fold("checkout", 20_780, NOW + 8 * DAYS)
    assert store.add(tally(1), None) == at(1)
    store.fold("checkout", 20_780, NOW + 8 * DAYS + 1)
    assert store.add(tally(1, amount=7), None) is None
    assert read_sums(store) == {("purchase", "", 20_779, 10): Sums(2, 14, 98)}


def test_a_day_of_more_counters_than_a_transaction_takes(store: Counters) -> None:
    counters = [COUNTER._replace(shard=f"s/{number:03d}") for number in range(150)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda counter: store.add(tally(1, counter=counter), None), counters))
    assert store.fold("checkout", 20_780, NOW) == 150
    assert read_sums(store) == {("purchase", "", 20_779, 10): Sums(150)}


def test_containers_that_fold_and_count_at_once_lose_nothing(store: Counters) -> None:
    def work(number: int) -> None:
        for step in range(8):
            counter = COUNTER._replace(shard=f"s/{number}", event_type=f"t{step % 2}")
            store.add(tally(step, counter=counter, amount=step), None)
            store.fold("checkout", 20_780, NOW)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    sums = read_sums(store)
    assert sums["t0", "", 20_779, 10] == Sums(16, 4 * (0 + 2 + 4 + 6), 4 * (4 + 16 + 36))
    assert sums["t1", "", 20_779, 10] == Sums(16, 4 * (1 + 3 + 5 + 7), 4 * (1 + 9 + 25 + 49))


def test_a_table_that_is_not_there_is_unavailable(service_clients: Clients) -> None:
    store = CounterStore(service_clients, "no-such-table")
    with pytest.raises(StorageUnavailable):
        store.add(tally(1), None)
    with pytest.raises(StorageUnavailable):
        list(store.read("checkout"))


def test_of_the_same_write_many_times_at_once_one_takes_effect(store: Counters) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: store.add(tally(1, 2), None), range(16)))
    assert answers.count(None) == 1
    [counted] = store.read("checkout")
    assert counted.hours[10].count == 2
