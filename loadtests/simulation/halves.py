"""Tests of two halves that chance made: ours for each metric, and those that counters of events allow."""

from collections import Counter
from collections.abc import Callable, Mapping
from math import sqrt

import numpy as np
from scipy.special import ndtr

from loadtests.simulation.users import Numbers, Users, limit, make_sums
from realtime.analysis.statistics.estimates import estimate_variants
from realtime.analysis.statistics.horizons import FixedHorizon
from realtime.analysis.statistics.pair import make_pair

ALPHA = 0.05
Columns = Mapping[str, Numbers]

METRICS: Mapping[str, Callable[[Users], Columns]] = {
    "conversion": lambda users: {"y": np.minimum(users.orders, 1)},
    "orders": lambda users: {"y": users.orders},
    "revenue": lambda users: {"y": users.cents},
    "revenue, capped": lambda users: {"y": limit(users.cents)},
    "order value": lambda users: {"y": users.cents, "d": users.orders},
    "orders, CUPED": lambda users: {"y": users.orders, "x": users.pre_orders},
    "revenue, CUPED": lambda users: {"y": users.cents, "x": users.pre_cents},
    "revenue, capped, CUPED": lambda users: {"y": limit(users.cents), "x": limit(users.pre_cents)},
    "order value, CUPED": lambda users: {
        "y": users.cents,
        "d": users.orders,
        "x": users.pre_cents,
        "z": users.pre_orders,
    },
}


def count_false_alarms(
    everybody: Users, size: int, runs: int, random: np.random.Generator
) -> tuple[Counter[str], Counter[str]]:
    """How often each metric, and each test of counters, finds a difference that is not there."""
    metrics: Counter[str] = Counter(dict.fromkeys(METRICS, 0))
    counters: Counter[str] = Counter(dict.fromkeys(COUNTER_TESTS, 0))
    for _ in range(runs):
        users = everybody.select(random.permutation(len(everybody))[:size])
        is_treated = random.random(size) < 0.5
        for name, measure in METRICS.items():
            columns = measure(users)
            metrics[name] += int(find_p(columns, is_treated) < ALPHA)
        halves = users.select(~is_treated), users.select(is_treated)
        for name, find_z in COUNTER_TESTS.items():
            counters[name] += int(2 * ndtr(-abs(find_z(*halves))) < ALPHA)
    return metrics, counters


def find_p(columns: Columns, is_treated: np.ndarray) -> float:
    """By the code that `analyze` runs, from exact sums."""
    sums = [
        make_sums(variant, {name: column[chosen] for name, column in columns.items()})
        for variant, chosen in (("control", ~is_treated), ("treatment", is_treated))
    ]
    estimates = estimate_variants(sums, is_ratio="d" in columns, has_pre_period="x" in columns)
    pair = make_pair(*estimates.adjusted.values())
    assert pair is not None  # noqa: S101  the users differ
    return FixedHorizon().find_p(pair, pair.find_z(), ALPHA)


def _find_rate_z(control: Users, treatment: Users) -> float:
    """Events a user, as if events came one by one: their variance is their number."""
    a, b = int(control.orders.sum()), int(treatment.orders.sum())
    return (b / len(treatment) - a / len(control)) / sqrt(a / len(control) ** 2 + b / len(treatment) ** 2)


def _find_share_z(control: Users, treatment: Users) -> float:
    """Events as if each were another user who converted."""
    a, b = (int(half.orders.sum()) / len(half) for half in (control, treatment))
    return (b - a) / sqrt(a * (1 - a) / len(control) + b * (1 - b) / len(treatment))


def _find_revenue_z(control: Users, treatment: Users) -> float:
    """Revenue a user, as if purchases came one by one: the variance of a sum is that of its squares."""
    means = [int(half.cents.sum()) / len(half) for half in (control, treatment)]
    variances = [int(half.squares.sum()) / len(half) ** 2 for half in (control, treatment)]
    return (means[1] - means[0]) / sqrt(sum(variances))


def _find_mean_z(control: Users, treatment: Users) -> float:
    """Revenue an event, as if events were independent."""
    counts = [int(half.orders.sum()) for half in (control, treatment)]
    means = [int(half.cents.sum()) / count for half, count in zip((control, treatment), counts, strict=True)]
    variances = [
        (int(half.squares.sum()) / count - mean**2) / count
        for half, count, mean in zip((control, treatment), counts, means, strict=True)
    ]
    return (means[1] - means[0]) / sqrt(sum(variances))


COUNTER_TESTS: Mapping[str, Callable[[Users, Users], float]] = {
    "events as Poisson": _find_rate_z,
    "events as converted users": _find_share_z,
    "revenue from squares of events": _find_revenue_z,
    "mean per event": _find_mean_z,
}
