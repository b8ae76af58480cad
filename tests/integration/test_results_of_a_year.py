"""Results of a year are read at once, since the counters of closed days are folded."""

import time

from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.domain.stream.counters import Counter, CounterItem, Sums, experiment_scope
from chalicelib.domain.stream.folded_days import FOLDED, add_items, pack_day
from chalicelib.services.results import experiment_results
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.counters import CounterStore
from realtime.testing.stores import MemoryDefinitions
from tests.support.plane import purchase_experiment

FIRST_DAY, DAYS = 20_400, 365
EVENT_TYPES = (ASSIGNED, "exposure", "purchase", "refund")
LIMIT = 0.2
"""Seconds of CPU. It is 0.1 on an idle machine; tests run two at once."""


def write_year(clients: Clients, table: str) -> None:
    """Every hour of the year has events of every type and variant."""
    hours = {hour: Sums(100, hour * SCALE * 10, hour * hour * SCALE**2) for hour in range(24)}
    for day in range(FIRST_DAY, FIRST_DAY + DAYS):
        items = [
            CounterItem(Counter("checkout", variant, event_type, day, FOLDED), hours)
            for variant in ("control", "treatment")
            for event_type in EVENT_TYPES
        ]
        packed = pack_day(add_items([], items))
        clients.dynamodb.put_item(
            TableName=table,
            Item={
                "id": {"S": experiment_scope("checkout", 1)},
                "counter": {"S": f"day#{time.strftime('%F', time.gmtime(day * 86_400))}"},
                "sums": {"B": packed.sums},
                "hours": {"B": packed.hours},
                "revision": {"N": "1"},
                "folded_at": {"N": "1"},
            },
        )


def test_results_of_a_year_are_read_at_once(service_clients: Clients, aws_settings: Settings) -> None:
    write_year(service_clients, aws_settings.counters_table)
    counters = CounterStore(service_clients, aws_settings.counters_table)
    spent = []
    for _ in range(7):
        started = time.thread_time()
        results = experiment_results("checkout", purchase_experiment(), counters, MemoryDefinitions())
        spent.append(time.thread_time() - started)
    assert results["variants"]["control"]["assigned"] == DAYS * 24 * 100
    assert results["variants"]["control"]["events"]["purchase"]["sum"] == DAYS * 276 * 10
    assert len(results["windows"]["day"]) == DAYS
    assert len(results["windows"]["hour"]) == 48
    assert min(spent) < LIMIT
