"""A publication in parts holds a claim, which expires if the publisher dies."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import Conflict, StorageUnavailable
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.publication import CLAIM_SECONDS, Publication
from tests.support.experiments import published

NOW = 1_800_000_000.0
MANY = [published(f"e{number}") for number in range(100)]


@pytest.fixture
def store(aws_settings: Settings, service_clients: Clients) -> DefinitionStore:
    return DefinitionStore(service_clients, aws_settings)


PublishPart = Callable[[list[DefinitionRow], int], None]


@pytest.fixture
def publish_part(aws_settings: Settings, service_clients: Clients) -> PublishPart:
    """Writes a claim and one part, as a publisher that dies then."""
    tables: Any = {
        "experiment": aws_settings.experiments_table,
        "flag": aws_settings.flags_table,
        "segment": aws_settings.segments_table,
    }

    def publish(definitions: list[DefinitionRow], version: int) -> None:
        publication = Publication(tables, aws_settings.publications_table, version, NOW, "")
        transactions = publication.make_transactions(definitions)
        for _ in range(2):
            service_clients.dynamodb.transact_write_items(TransactItems=next(transactions))

    return publish


@pytest.fixture
def died(publish_part: PublishPart) -> None:
    publish_part(MANY, 1)


@pytest.mark.usefixtures("died")
def test_others_wait_for_a_publish_in_parts_and_containers_see_none_of_it(store: DefinitionStore) -> None:
    for definitions in ([published()], MANY):
        with pytest.raises(Conflict):
            store.publish(definitions, 0, NOW + CLAIM_SECONDS - 1)
    assert store.get_changes(None).version == 0


@pytest.mark.usefixtures("died")
@pytest.mark.parametrize("definitions", [[published()], MANY])
def test_a_publisher_that_died_locks_out_nobody_for_long(store: DefinitionStore, definitions: Any) -> None:
    assert store.publish(definitions, 0, NOW + CLAIM_SECONDS + 1) == 1
    assert store.publish(MANY, 1, NOW + CLAIM_SECONDS + 2) == 2


def read_in_force(store: DefinitionStore) -> dict[str, DefinitionRow]:
    """The experiments that a container would load now."""
    everything = store.get_all("experiment")
    assert store.get_many("experiment", everything) == everything
    for key in ("e0", "e47", "new0", "new1"):
        assert store.get_many("experiment", [key]).get(key) == everything.get(key)
    return everything


def make_changes() -> list[DefinitionRow]:
    """Removes one of `MANY`, changes the others, and adds two."""
    removed = DefinitionRow("experiment", "e0", "", "removed")
    paused = [published(f"e{number}", status="paused") for number in range(1, 100)]
    return [removed, published("new0"), *paused, published("new1")]


def test_parts_of_a_publisher_that_died_are_in_force_nowhere(
    store: DefinitionStore, aws_settings: Settings, service_clients: Clients, publish_part: PublishPart
) -> None:
    assert store.publish(MANY, 0, NOW) == 1
    before = read_in_force(store)
    publish_part(make_changes(), 2)
    for container in (store, DefinitionStore(service_clients, aws_settings)):
        assert read_in_force(container) == before
        assert {row.version for row in container.get_versions()} == {1}
        assert [row.version for row in container.get_history("experiment", "e1")] == [1]
    later = NOW + CLAIM_SECONDS + 1
    assert store.publish([published("other")], 1, later) == 2
    assert read_in_force(store) == before | store.get_many("experiment", ["other"])
    assert {(row.key, row.version) for row in store.get_versions() if row.version > 1} == {("other", 2)}
    assert store.publish(make_changes(), 2, later) == 3
    after = read_in_force(store)
    assert len(after) == 102
    assert {row.status for row in after.values()} == {"paused", "active"}
    assert "e0" not in after


def test_a_publish_that_is_refused_midway_is_taken_back(
    store: DefinitionStore, aws_settings: Settings, service_clients: Clients
) -> None:
    assert store.publish(MANY, 0, NOW) == 1
    before = read_in_force(store)
    with pytest.raises(StorageUnavailable):
        store.publish([*make_changes(), published("big", description="x" * 500_000)], 1, NOW)
    table = aws_settings.experiments_table
    rows = service_clients.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    assert {row["version"]["N"] for row in rows if "definition" in row} == {"1"}
    assert read_in_force(store) == before
    assert store.publish(make_changes(), 1, NOW) == 2
    assert read_in_force(store).keys() == before.keys() - {"e0"} | {"new0", "new1"}


def test_a_row_names_its_version_before_and_keeps_what_the_platform_wrote(
    store: DefinitionStore, aws_settings: Settings, service_clients: Clients, publish_part: PublishPart
) -> None:
    table, platform_row = aws_settings.experiments_table, {"id": {"S": "e1"}, "theirs": {"S": "kept"}}
    service_clients.dynamodb.put_item(TableName=table, Item=platform_row)
    publish_part(MANY, 1)
    store.publish([published("other")], 0, NOW + CLAIM_SECONDS + 1)
    row = service_clients.dynamodb.get_item(TableName=table, Key={"id": {"S": "e1"}})["Item"]
    assert row == platform_row


def test_large_definitions_are_published_in_parts_by_their_size(store: DefinitionStore) -> None:
    large = [published(f"e{number}", description="x" * 350_000) for number in range(9)]
    assert store.publish(large, 0, NOW) == 1
    assert len(store.get_many("experiment", [definition.key for definition in large])) == 9
    assert len(store.get_versions()) == 9
