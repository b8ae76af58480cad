"""Purchases of the CDNOW data, through failing stores and dying processes, agree to the cent.

`make test` takes every fourth customer; `make chaos` takes all 69,659 purchases.
"""

import csv
import gzip
import os
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from chalicelib.domain.results import compute_results
from chalicelib.domain.stream.outgoing import OutgoingRecord, split_into_calls
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.stores.counters import CounterStore
from chalicelib.stores.stream import EventStream
from realtime.demo.cdnow import FILE
from tests.support.archive import archived_lines
from tests.support.recounting import list_disagreements
from tests.support.schedule import CHECKOUT, Bench, Schedule

ONE_IN = int(os.environ.get("REALTIME_CUSTOMERS_ONE_IN", "8"))


class Purchases(Schedule):
    """In the order of their days; half of the customers in each variant; one call in 50 goes wrong."""

    batch_size = 500

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench, seed=1997)
        self.rate, self.budget = 0.02, 500
        self.cents: dict[str, tuple[int, int]] = {}

    def _produce(self, number: int) -> None:
        if self.cents:  # all of them are in the stream: a resharded one is consumed as it is
            return
        with gzip.open(FILE, "rt", newline="") as text:
            taken = (row for row in csv.DictReader(text) if int(row["customer_id"]) // 2 % ONE_IN == 0)
            rows = sorted(taken, key=lambda row: row["date"])
        self._assign_all({row["customer_id"]: _variant(row) for row in rows})
        puts = [self._purchase(number, row) for number, row in enumerate(rows)]
        stream = EventStream(self.bench.service, self.settings.event_stream)
        for call in split_into_calls(puts):
            assert not any(stream.put(call))

    def _assign_all(self, variants: Mapping[str, str]) -> None:
        """As `AssignmentStore` writes a row, 25 of them a call."""
        at = {"S": format_timestamp(self.now - 60.0)}
        puts: list[Any] = [
            {
                "PutRequest": {
                    "Item": {
                        "id": {"S": f"checkout#{user}"},
                        "variant": {"S": variant},
                        "assignment_id": {"S": user},
                        "timestamp": at,
                    }
                }
            }
            for user, variant in variants.items()
        ]
        for start in range(0, len(puts), 25):
            table = {self.settings.assignments_table: puts[start : start + 25]}
            assert not self.bench.service.dynamodb.batch_write_item(RequestItems=table)["UnprocessedItems"]

    def _purchase(self, number: int, row: dict[str, str]) -> OutgoingRecord:
        count, total = self.cents.get(_variant(row), (0, 0))
        self.cents[_variant(row)] = (count + 1, total + int(row["dollars"].replace(".", "")))
        event = {
            "event_id": f"cdnow-{number}",
            "event_type": "purchase",
            "user_id": row["customer_id"],
            "timestamp": f"{row['date']}T00:00:00Z",
            "value": float(row["dollars"]),
        }
        return OutgoingRecord(number, row["customer_id"], orjson.dumps(event))


def _variant(row: dict[str, str]) -> str:
    return ("control", "treatment")[int(row["customer_id"]) % 2]


@pytest.mark.timeout(400)
def test_cdnow_agrees_to_the_cent(bench: Bench) -> None:
    schedule = Purchases(bench)
    schedule.run()
    service, settings = bench.service, schedule.settings
    computed = compute_results(CHECKOUT, CounterStore(service, settings.counters_table).read("checkout"))
    sums = {key: result["events"]["purchase"] for key, result in computed["variants"].items()}
    assert {
        key: (purchases["count"], round(purchases["sum"] * 100)) for key, purchases in sums.items()
    } == schedule.cents
    number = sum(count for count, _ in schedule.cents.values())
    total = sum(total for _, total in schedule.cents.values())
    assert (number, total) == (69_659, 250_031_563) or ONE_IN > 1
    lines = archived_lines(service, settings.archive_bucket)
    assert len({line["realtime"]["place"] for line in lines}) == number
    assert list_disagreements(CounterStore(service, settings.counters_table), lines, "checkout") == []
