"""Moments in plain Python, one user after the other: what engines and statistics are compared with."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import combinations_with_replacement
from math import ceil
from typing import Any, NamedTuple

from chalicelib.domain.definitions.analysis_schema import (
    CURRENCY,
    MeasureDocument,
    MetricDocument,
    read_duration,
)
from realtime.analysis.model import Design, Moments, Sums, Users

SCALE = 10_000
"""Amounts are rounded to ten-thousandths."""


class Anchor(NamedTuple):
    """``at``: epoch seconds."""

    user: str
    variant: str
    at: float


class Event(NamedTuple):
    user: str
    type: str
    at: float
    value: Decimal = Decimal(0)
    currency: str | None = None
    properties: Mapping[str, Any] = {}


class UserNumbers(NamedTuple):
    """As in `Sums`, in ten-thousandths."""

    variant: str
    y: int
    d: int = 0
    x: int = 0
    z: int = 0


def count_users(design: Design, anchors: Iterable[Anchor]) -> list[Users]:
    variants = [anchor.variant for anchor in anchors]
    return [Users(variant, variants.count(variant)) for variant in design.shares]


def build_moments(
    design: Design, metric: MetricDocument, anchors: Sequence[Anchor], events: Iterable[Event]
) -> Moments:
    """Of events that count: without repeats. ``anchors`` are the first of each user."""
    window = read_duration(metric.window) if metric.window else None
    until = design.until if design.until is not None else float("inf")
    counted = [anchor for anchor in anchors if window is None or anchor.at + window <= until]
    by_user = defaultdict(list)
    for event in events:
        by_user[event.user].append(event)
    users = [_measure_user(metric, anchor, by_user[anchor.user], window, until) for anchor in counted]
    cap = _find_cap(metric.cap, [user.y for user in users])
    pre_cap = _find_cap(metric.cap if metric.pre_period else None, [user.x for user in users])
    capped = [user._replace(y=_limit(user.y, cap), x=_limit(user.x, pre_cap)) for user in users]
    return Moments(
        metric,
        [add_up(variant, [user for user in capped if user.variant == variant]) for variant in design.shares],
        waiting=len(anchors) - len(counted),
        cap=None if cap is None else Fraction(cap, SCALE),
        pre_cap=None if pre_cap is None else Fraction(pre_cap, SCALE),
    )


def add_up(variant: str, users: Sequence[UserNumbers]) -> Sums:
    totals = {name: Fraction(sum(getattr(user, name) for user in users), SCALE) for name in "ydxz"}
    products = {
        a + b: Fraction(sum(getattr(user, a) * getattr(user, b) for user in users), SCALE**2)
        for a, b in combinations_with_replacement("ydxz", 2)
    }
    largest = Fraction(max((user.y for user in users), default=0), SCALE)
    return Sums(variant, len(users), totals, products, sum(user.y > 0 for user in users), largest)


def _measure_user(
    metric: MetricDocument, anchor: Anchor, events: Sequence[Event], window: int | None, until: float
) -> UserNumbers:
    end = until if window is None else anchor.at + window
    after = [event for event in events if anchor.at <= event.at < end]
    pre = read_duration(metric.pre_period) if metric.pre_period else 0
    before = [event for event in events if anchor.at - pre <= event.at < anchor.at]
    numbers = dict(zip("yd", (_measure(measure, after) for measure in metric.list_measures()), strict=False))
    numbers |= zip("xz", (_measure(measure, before) for measure in metric.list_measures()), strict=False)
    return UserNumbers(anchor.variant, **numbers)


def _measure(measure: MeasureDocument, events: Sequence[Event]) -> int:
    matching = [event for event in events if _is_counted(measure, event)]
    if measure.aggregate == "sum":
        return sum(_round(event.value * _find_rate(measure, event.currency)) for event in matching)
    return SCALE * (len(matching) if measure.aggregate == "count" else bool(matching))


def _is_counted(measure: MeasureDocument, event: Event) -> bool:
    fields = {**event.properties, CURRENCY: event.currency}
    return (
        event.type == measure.event
        and all(
            fields.get(name) in (wanted if isinstance(wanted, list) else [wanted])
            for name, wanted in measure.where.items()
        )
        and (measure.currency is None or _find_rate(measure, event.currency) != 0)
    )


def _find_rate(measure: MeasureDocument, currency: str | None) -> Decimal:
    """0: an amount of this currency does not count."""
    if measure.currency in {None, currency}:
        return Decimal(1)
    return Decimal(measure.rates.get(currency or "", 0))


def _round(amount: Decimal) -> int:
    return int((amount * SCALE).to_integral_value(ROUND_HALF_UP))


def _find_cap(cap: float | None, numbers: Sequence[int]) -> int | None:
    """The number of rank ⌈cap · n⌉ over the users of all variants."""
    if cap is None or not numbers:
        return None
    return sorted(numbers)[ceil(Fraction(str(cap)) * len(numbers)) - 1]


def _limit(number: int, cap: int | None) -> int:
    return number if cap is None else min(number, cap)
