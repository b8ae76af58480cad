"""What every store of a shard's verdicts does: the one in memory and the one in DynamoDB."""

import pytest

from chalicelib.domain.stream.attribution import Attribution
from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.stream.verdicts import VerdictLog, Verdicts
from chalicelib.stores.verdicts import VerdictStore
from realtime.testing.event_stores import MemoryVerdicts
from tests.support.streams import FIRST

SHARD = "events/shardId-000000000000"
POSITIONS = [format_position(str(FIRST + number * 33_554_467)) for number in range(600)]
CONTROL = (Attribution("checkout", 1, "control"),)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> VerdictLog:
    if request.param == "memory":
        return MemoryVerdicts()
    settings = request.getfixturevalue("aws_settings")
    return VerdictStore(request.getfixturevalue("service_clients"), settings.counters_table)


def verdicts_about(start: int, end: int) -> Verdicts:
    return Verdicts(
        POSITIONS[start], POSITIONS[end - 1], {(position, 0): CONTROL for position in POSITIONS[start:end]}
    )


def test_a_new_shard_has_no_verdicts(store: VerdictLog) -> None:
    assert store.read(SHARD, POSITIONS) is None


def test_what_was_written_is_read_about_the_positions_asked_for(store: VerdictLog) -> None:
    mixed = Verdicts(
        POSITIONS[0],
        POSITIONS[2],
        {(POSITIONS[0], 0): None, (POSITIONS[0], 3): (), (POSITIONS[2], 1): CONTROL * 2},
    )
    assert store.write(SHARD, mixed, None, POSITIONS) is None
    read = store.read(SHARD, [POSITIONS[0], POSITIONS[2], POSITIONS[9]])
    assert read == mixed
    assert store.read("events/shardId-000000000001", POSITIONS) is None


def test_later_records_replace_earlier_ones(store: VerdictLog) -> None:
    store.write(SHARD, verdicts_about(0, 500), None, POSITIONS)
    assert store.write(SHARD, verdicts_about(500, 600), None, POSITIONS) is None
    assert store.read(SHARD, POSITIONS) == verdicts_about(500, 600)


def test_a_write_about_records_with_verdicts_is_refused_with_those_verdicts(store: VerdictLog) -> None:
    store.write(SHARD, verdicts_about(100, 500), None, POSITIONS)
    for start, end in [(100, 500), (0, 50), (499, 600)]:
        assert store.write(SHARD, verdicts_about(start, end), None, POSITIONS) == verdicts_about(100, 500)


def test_verdicts_are_replaced_only_if_they_are_the_expected_ones(store: VerdictLog) -> None:
    store.write(SHARD, verdicts_about(0, 10), None, POSITIONS)
    assert store.write(SHARD, verdicts_about(5, 20), verdicts_about(0, 9), POSITIONS) == verdicts_about(0, 10)
    assert store.write(SHARD, verdicts_about(5, 20), verdicts_about(0, 10), POSITIONS) is None
    assert store.read(SHARD, POSITIONS) == verdicts_about(5, 20)
