"""The CDNOW data: 69,659 purchases by 23,570 customers of an online shop, January 1997 to June 1998."""

import csv
import gzip
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import mmh3

FILE = Path(__file__).parent / "data" / "cdnow_purchases.csv.gz"
DEFINITIONS = Path(__file__).parent / "definitions"
SAMPLE = 8  # every eighth customer: 2,946
REMINDER = "cdnow-reminder"
SECOND_ORDER = "second-order"
REMINDED_AFTER = timedelta(days=14)
MADE_PERCENT = 30
"""Of the reminded customers without a second order, those to whom the demo gives one."""


@dataclass(slots=True)
class Customer:
    """A customer at the time of the assignment; ``cohort`` is the month of the first order.

    ``second_order`` is the day of the next order, if there is one on another day.
    """

    id: str
    cohort: str
    first_order_value: float
    first_order: str
    orders: int = 0
    second_order: str = ""

    def context(self) -> dict[str, object]:
        return {"cohort": self.cohort, "first_order_value": self.first_order_value, "orders": self.orders}


def read_customers(every: int = 1, file: Path = FILE) -> list[Customer]:
    """Each ``every``-th customer, in the order of ids."""
    customers: dict[str, Customer] = {}
    with gzip.open(file, "rt", newline="") as text:
        for row in csv.DictReader(text):
            if is_in_sample(row["customer_id"], every):
                customer = customers.setdefault(row["customer_id"], _build_customer(row))
                customer.orders += 1
                if not customer.second_order and row["date"] > customer.first_order:
                    customer.second_order = row["date"]
    return list(customers.values())


def is_in_sample(customer_id: str, every: int) -> bool:
    return int(customer_id) % every == 0


def build_exposures(customers: Iterable[Customer], experiment_key: str) -> Iterable[dict[str, object]]:
    """One event for each customer at the first order, where the shop would show the treatment.

    Customers are assigned today and bought in 1997, so an analysis by assignments would find no purchase.
    """
    for customer in customers:
        yield {
            "event_id": f"{experiment_key}-{customer.id}",
            "event_type": "exposure",
            "experiment_key": experiment_key,
            "user_id": customer.id,
            "timestamp": f"{customer.first_order}T00:00:00Z",
        }


def build_second_orders(
    customers: Iterable[Customer], reminded: Collection[str]
) -> Iterator[dict[str, object]]:
    """The second order of each customer who has one, and a made one for some of those who were ``reminded``.

    The data has no experiment with an effect, so this makes one. Each event says whether it is
    ``constructed``.
    """
    for customer in customers:
        is_made = not customer.second_order and customer.id in reminded and _is_chosen(customer.id)
        if is_made or customer.second_order:
            day = date.fromisoformat(customer.first_order) + REMINDED_AFTER
            yield {
                "event_id": f"{SECOND_ORDER}-{customer.id}",
                "event_type": SECOND_ORDER,
                "experiment_key": REMINDER,
                "user_id": customer.id,
                "timestamp": f"{day.isoformat() if is_made else customer.second_order}T00:00:00Z",
                "properties": {"constructed": is_made},
            }


def _is_chosen(customer_id: str) -> bool:
    return mmh3.hash(f"reminded {customer_id}".encode(), 0, False) % 100 < MADE_PERCENT


def _build_customer(row: dict[str, str]) -> Customer:
    return Customer(row["customer_id"], row["date"][:7], float(row["dollars"]), row["date"])
