"""What every store of a shard's verdicts does: the one in memory and the one in DynamoDB."""

import pytest

from chalicelib.domain.stream.attribution import Attribution
from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.stream.verdicts import VerdictLog, Verdicts
from chalicelib.stores.verdicts import VerdictStore
from realtime.testing.event_stores import MemoryVerdicts
from tests.support.streams import FIRST

SHARD = "events/shardId-000000000000"
PLACES = [format_position(str(FIRST + number * 33_554_467)) for number in range(600)]
CONTROL = (Attribution("checkout", 1, "control"),)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> VerdictLog:
    if request.param == "memory":
        return MemoryVerdicts()
    settings = request.getfixturevalue("aws_settings")
    return VerdictStore(request.getfixturevalue("service_clients"), settings.counters_table)


def decided(start: int, end: int) -> Verdicts:
    return Verdicts(PLACES[start], PLACES[end - 1], {(place, 0): CONTROL for place in PLACES[start:end]})


def test_nothing_stands_about_a_new_shard(store: VerdictLog) -> None:
    assert store.read(SHARD, PLACES) is None


def test_what_was_written_is_read_about_the_positions_asked_for(store: VerdictLog) -> None:
    mixed = Verdicts(
        PLACES[0], PLACES[2], {(PLACES[0], 0): None, (PLACES[0], 3): (), (PLACES[2], 1): CONTROL * 2}
    )
    assert store.write(SHARD, mixed, None, PLACES) is None
    read = store.read(SHARD, [PLACES[0], PLACES[2], PLACES[9]])
    assert read == mixed
    assert store.read("events/shardId-000000000001", PLACES) is None


def test_later_records_replace_earlier_ones(store: VerdictLog) -> None:
    store.write(SHARD, decided(0, 500), None, PLACES)
    assert store.write(SHARD, decided(500, 600), None, PLACES) is None
    assert store.read(SHARD, PLACES) == decided(500, 600)


def test_records_that_are_decided_are_refused_with_the_decisions(store: VerdictLog) -> None:
    store.write(SHARD, decided(100, 500), None, PLACES)
    for start, end in [(100, 500), (0, 50), (499, 600)]:
        assert store.write(SHARD, decided(start, end), None, PLACES) == decided(100, 500)


def test_decisions_are_extended_only_where_they_still_stand(store: VerdictLog) -> None:
    store.write(SHARD, decided(0, 10), None, PLACES)
    assert store.write(SHARD, decided(5, 20), decided(0, 9), PLACES) == decided(0, 10)
    assert store.write(SHARD, decided(5, 20), decided(0, 10), PLACES) is None
    assert store.read(SHARD, PLACES) == decided(5, 20)
