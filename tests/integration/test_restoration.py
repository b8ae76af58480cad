"""A restore in parts: nothing of it is in force before its end, and it can be repeated."""

from typing import Any

import pytest

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import Conflict
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.publication import CLAIM_SECONDS
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import published, published_flag, published_segment

NOW = 1_800_000_000.0


class Interrupted(Exception):
    pass


@pytest.fixture
def store(aws_settings: Settings, service_clients: Clients) -> DefinitionStore:
    return DefinitionStore(service_clients, aws_settings)


def make_versions(names: int = 150) -> list[DefinitionRow]:
    """Three publications, each of more definitions than a transaction takes."""
    copy = MemoryDefinitions()
    flags = [published_flag(f"f{number}") for number in range(names)]
    copy.publish(flags, 0, NOW, "ada")
    copy.publish([published("e"), *(published_segment(f"s{number}") for number in range(names))], 1, NOW + 1)
    copy.publish([DefinitionRow("flag", flag.key, "", "removed") for flag in flags[: names // 2]], 2, NOW + 2)
    return copy.get_versions()


def interrupt(store: DefinitionStore, versions: list[DefinitionRow], after: int) -> None:
    """Restore, and die when ``after`` of the items are written."""
    written = 0

    def count(number: int) -> None:
        nonlocal written
        written += number
        if written >= after:
            raise Interrupted

    with pytest.raises(Interrupted):
        store.restore(versions, NOW, on_written=count)


def assert_nothing_is_in_force(store: DefinitionStore) -> None:
    assert store.get_changes(None).version == 0
    assert store.get_versions() == []
    for kind in ("experiment", "flag", "segment"):
        assert store.get_all(kind) == {}
    assert store.get_many("flag", ["f0", "f140"]) == {}
    assert store.get_many("flag", ["f140"]) == {}


@pytest.mark.parametrize("after", [1, 300, 400, 600])
def test_an_interrupted_restore_is_in_force_nowhere_and_can_be_run_again(
    store: DefinitionStore, after: int
) -> None:
    versions = make_versions()
    interrupt(store, versions, after)
    assert_nothing_is_in_force(store)
    with pytest.raises(Conflict, match="A restore is under way, or was interrupted: run it again"):
        store.publish([published("x")], 0, NOW + 10 * CLAIM_SECONDS)
    store.restore(versions, NOW)
    assert sorted(store.get_versions(), key=str) == sorted(versions, key=str)
    assert len(store.get_all("flag")) == 75
    assert len(store.get_all("segment")) == 150
    assert store.publish([published("x")], 3, NOW) == 4


def test_another_backup_leaves_nothing_of_the_one_that_was_interrupted(
    store: DefinitionStore, aws_settings: Settings, service_clients: Clients
) -> None:
    interrupt(store, make_versions(), 600)
    other = [DefinitionRow("flag", "f140", published_flag("f140").text, "active", version=1)]
    store.restore(other, NOW)
    assert store.get_versions() == other
    for version in (2, 3, 4):
        assert store.publish([published(f"x{version}")], version - 1, NOW) == version
    assert store.get_all("flag") == {"f140": other[0]}
    assert store.get_all("segment") == {}
    rows = service_clients.dynamodb.scan(TableName=aws_settings.segments_table, ConsistentRead=True)["Items"]
    assert all(set(row) == {"id"} for row in rows)


def test_of_two_restores_at_once_the_second_goes_on(store: DefinitionStore) -> None:
    versions = make_versions(60)
    second = [DefinitionRow("flag", "mine", published_flag("mine").text, "active", version=1)]
    is_first_call = True

    def start_the_second(_number: int) -> None:
        nonlocal is_first_call
        if is_first_call:
            is_first_call = False
            store.restore(second, NOW)

    with pytest.raises(Conflict, match="at the same time"):
        store.restore(versions, NOW, on_written=start_the_second)
    assert store.get_versions() == second


def test_rows_whose_publications_are_lost_are_removed_only_on_demand(
    store: DefinitionStore, aws_settings: Settings, service_clients: Clients
) -> None:
    lost: Any = {"definition": published_flag("old").text, "status": "active", "version": 9, "theirs": "kept"}
    item: Any = {name: {"N" if isinstance(value, int) else "S": str(value)} for name, value in lost.items()}
    service_clients.dynamodb.put_item(TableName=aws_settings.flags_table, Item={"id": {"S": "old"}, **item})
    versions = make_versions(2)
    with pytest.raises(Conflict, match="without a publication"):
        store.restore(versions, NOW)
    store.restore(versions, NOW, discard=True)
    assert store.get_all("flag").keys() == {"f1"}
    key: Any = {"id": {"S": "old"}}
    row = service_clients.dynamodb.get_item(TableName=aws_settings.flags_table, Key=key)["Item"]
    assert row == {"id": {"S": "old"}, "theirs": {"S": "kept"}}


def test_a_publication_during_the_reading_is_left_out_as_a_whole(
    store: DefinitionStore, aws_settings: Settings, service_clients: Clients
) -> None:
    large = [published(f"e{number}", description="x" * 350_000) for number in range(8)]  # several pages
    store.publish(large, 0, NOW)
    other, scans = DefinitionStore(service_clients, aws_settings), list[int]()

    def publish(**_: Any) -> None:
        scans.append(1)
        if len(scans) == 1:
            other.publish([published(f"e{number}", status="paused") for number in range(8)], 1, NOW)

    events = service_clients.dynamodb.meta.events
    events.register("after-call.dynamodb.Scan", publish)
    try:
        versions = store.get_versions()
    finally:
        events.unregister("after-call.dynamodb.Scan", publish)
    assert len(scans) > 1
    assert sorted((row.key, row.version) for row in versions) == [(f"e{number}", 1) for number in range(8)]
    assert len(store.get_versions()) == 16


def test_a_publisher_that_died_before_does_not_lock_out_a_restore(
    store: DefinitionStore, aws_settings: Settings, service_clients: Clients
) -> None:
    claim: Any = {"id": {"S": "claim"}, "version": {"N": "0"}, "owner": {"S": "x"}, "until": {"N": str(NOW)}}
    service_clients.dynamodb.put_item(TableName=aws_settings.publications_table, Item=claim)
    versions = make_versions(2)
    with pytest.raises(Conflict, match="at the same time"):
        store.restore(versions, NOW)
    store.restore(versions, NOW + 1)
    assert store.get_changes(None).version == 3
