"""CDNOW's purchases as events, and its customers as users of an experiment."""

import csv
import gzip
from collections.abc import Iterable
from decimal import Decimal
from functools import cache

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.timestamps import parse_timestamp
from realtime.demo.cdnow import FILE, Customer
from tests.support.analysis_reference import Anchor, Event


@cache
def read_purchases() -> tuple[Event, ...]:
    """All 69,659, as `replay` sends them."""
    with gzip.open(FILE, "rt", newline="") as text:
        return tuple(
            Event(row["customer_id"], "purchase", parse_timestamp(row["date"]), Decimal(row["dollars"]))
            for row in csv.DictReader(text)
        )


def assign_customers(
    experiment: Experiment, customers: Iterable[Customer], at: float | None = None
) -> list[Anchor]:
    """Those who get a variant, anchored ``at`` that time (epoch seconds), or at their first order."""
    anchors = []
    for customer in customers:
        decision = decide(experiment, customer.id, customer.context(), at or 0.0, lambda: None)
        if decision.variant is not None:
            time = parse_timestamp(customer.first_order) if at is None else at
            anchors.append(Anchor(customer.id, decision.variant, time))
    return anchors
