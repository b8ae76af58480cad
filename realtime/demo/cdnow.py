"""The CDNOW data: 69,659 purchases by 23,570 customers of an online shop, January 1997 to June 1998."""

import csv
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "data" / "cdnow_purchases.csv.gz"
DEFINITIONS = Path(__file__).parent / "definitions"
SAMPLE = 8  # every eighth customer: 2,946


@dataclass(slots=True)
class Customer:
    """A customer at the time of the assignment; ``cohort`` is the month of the first order."""

    id: str
    cohort: str
    first_order_value: float
    first_order: str
    orders: int = 0

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


def _build_customer(row: dict[str, str]) -> Customer:
    return Customer(row["customer_id"], row["date"][:7], float(row["dollars"]), row["date"])
