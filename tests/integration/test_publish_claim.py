"""A publish in parts holds a claim, which outlives neither it nor, for long, a publisher that died."""

from typing import Any

import pytest

from chalicelib.domain.errors import Conflict
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


@pytest.fixture
def died(aws_settings: Settings, service_clients: Clients) -> None:
    """A publisher that wrote its claim and one part, and no more."""
    tables: Any = {"experiment": aws_settings.experiments_table, "flag": aws_settings.flags_table}
    transactions = Publication(tables, aws_settings.publications_table, 1, NOW, "").transactions(MANY)
    for _ in range(2):
        service_clients.dynamodb.transact_write_items(TransactItems=next(transactions))


@pytest.mark.usefixtures("died")
def test_others_wait_for_a_publish_in_parts_and_containers_see_none_of_it(store: DefinitionStore) -> None:
    for definitions in ([published()], MANY):
        with pytest.raises(Conflict):
            store.publish(definitions, 0, NOW + CLAIM_SECONDS - 1)
    assert store.since(None).version == 0


@pytest.mark.usefixtures("died")
@pytest.mark.parametrize("definitions", [[published()], MANY])
def test_a_publisher_that_died_locks_out_nobody_for_long(store: DefinitionStore, definitions: Any) -> None:
    assert store.publish(definitions, 0, NOW + CLAIM_SECONDS + 1) == 1
    assert store.publish(MANY, 1, NOW + CLAIM_SECONDS + 2) == 2


def test_large_definitions_are_published_in_parts_by_their_size(store: DefinitionStore) -> None:
    large = [published(f"e{number}", description="x" * 350_000) for number in range(9)]
    assert store.publish(large, 0, NOW) == 1
    assert len(store.load("experiment", [one.key for one in large])) == 9
    assert len(store.published()) == 9
