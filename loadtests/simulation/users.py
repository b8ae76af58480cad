"""CDNOW's customers in the second quarter of 1997, as whole numbers, and how they are divided by chance.

Nothing was ever done to one half of them, so every significant difference is a false alarm.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.analysis.model import Sums
from tests.support.cdnow import read_purchases

Numbers = NDArray[np.int64]
CENTS = 100
ANCHOR = date(1997, 4, 1)
WINDOW_DAYS = 90


@dataclass(frozen=True, slots=True)
class Users:
    """A number per user: orders, cents and squared cents within the window, and before it (``pre_…``)."""

    orders: Numbers
    cents: Numbers
    squares: Numbers
    pre_orders: Numbers
    pre_cents: Numbers

    def select(self, index: Any) -> "Users":
        return Users(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def __len__(self) -> int:
        return len(self.orders)


@dataclass(frozen=True, slots=True)
class Purchases:
    """One number per purchase: the customer's position, days since 1997-01-01, cents."""

    customers: int
    user: Numbers
    day: Numbers
    cents: Numbers


def read_purchase_table() -> Purchases:
    events = read_purchases()
    positions: dict[str, int] = {}
    user = [positions.setdefault(event.user, len(positions)) for event in events]
    first = min(event.at for event in events)
    return Purchases(
        len(positions),
        np.array(user),
        np.array([int(event.at - first) // 86_400 for event in events]),
        np.array([int(event.value * CENTS) for event in events]),
    )


def build_users(purchases: Purchases) -> Users:
    anchor = (ANCHOR - date(1997, 1, 1)).days
    after = (purchases.day >= anchor) & (purchases.day < anchor + WINDOW_DAYS)
    before = purchases.day < anchor
    return Users(
        _add_up(purchases, after, np.ones_like(purchases.cents)),
        _add_up(purchases, after, purchases.cents),
        _add_up(purchases, after, purchases.cents**2),
        _add_up(purchases, before, np.ones_like(purchases.cents)),
        _add_up(purchases, before, purchases.cents),
    )


def limit(numbers: Numbers, quantile: str = "0.99") -> Numbers:
    """Capped at the value of this rank."""
    rank = ceil(Fraction(quantile) * len(numbers)) - 1
    capped: Numbers = np.minimum(numbers, np.partition(numbers, rank)[rank])
    return capped


def make_sums(variant: str, columns: Mapping[str, Numbers]) -> Sums:
    """Exact: of y, d, x and z, as many as ``columns`` has."""
    whole = {name: columns.get(name) for name in "ydxz"}
    totals = {name: Fraction(0 if of is None else int(of.sum())) for name, of in whole.items()}
    products = {
        a + b: Fraction(0 if left is None or right is None else int(left @ right))
        for index, (a, left) in enumerate(whole.items())
        for b, right in list(whole.items())[index:]
    }
    return Sums(variant, len(columns["y"]), totals, products)


def _add_up(purchases: Purchases, is_counted: NDArray[np.bool_], weights: Numbers) -> Numbers:
    sums = np.zeros(purchases.customers, dtype=np.int64)
    np.add.at(sums, purchases.user[is_counted], weights[is_counted])
    return sums
