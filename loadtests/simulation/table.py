"""Runs the simulations, and says which rate is not what it should be."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import NamedTuple

import numpy as np

from loadtests.simulation.guardrails import count_false_holds
from loadtests.simulation.halves import ALPHA, METRICS, count_false_alarms
from loadtests.simulation.lifts import count_false_lifts
from loadtests.simulation.movers import count_false_alarms_of_movers
from loadtests.simulation.peeking import (
    Alarms,
    Floats,
    find_power,
    peek_at_the_split,
    peek_while_purchases_go_on,
    peek_while_users_come,
)
from loadtests.simulation.users import Numbers, Purchases, Users, build_users, read_purchase_table

MARGIN = 4.0
"""Standard errors of the simulation by which a rate may be off: chance does that once in 16,000."""


class Limits(NamedTuple):
    """Of a rate that is right; None: it is wrong on purpose, and has to be above the lower one."""

    lower: float
    upper: float | None


NOMINAL = Limits(ALPHA - 0.007, ALPHA + 0.007)
AT_MOST_NOMINAL = Limits(0.0, ALPHA)
WRONG = Limits(ALPHA, None)


@dataclass(frozen=True, slots=True)
class Row:
    """``alarms`` of ``runs`` found a difference where there is none."""

    group: str
    name: str
    alarms: int
    runs: int
    limits: Limits
    note: str = ""

    @property
    def rate(self) -> float:
        return self.alarms / self.runs

    @property
    def is_right(self) -> bool:
        """Within the limits, or so near that chance explains it."""
        noise = MARGIN * sqrt(ALPHA * (1 - ALPHA) / self.runs)
        if self.limits.upper is None:
            return self.rate > self.limits.lower
        return self.limits.lower - noise < self.rate < self.limits.upper + noise


def run_simulations(scale: float, seed: int) -> Iterator[Row]:
    """``scale`` 1: 4,000 runs of 4,000 customers, and half as many of what takes longer."""
    purchases = read_purchase_table()
    everybody, random = build_users(purchases), np.random.default_rng(seed)
    runs = round(4_000 * scale)
    yield from simulate_halves(everybody, 4_000, runs, random)
    yield from simulate_peeking(everybody, purchases, round(2_000 * scale), random)
    yield from simulate_lifts(everybody, runs, random)
    yield from simulate_movers(round(2_000 * scale), random)
    held = count_false_holds(everybody, 4_000, runs, random)
    yield Row("4,000 users, worse by the margin", "guardrail holds", held, runs, NOMINAL)
    alarms = peek_at_the_split(10_000, 100, runs, random)
    yield Row("split, α 0.1 %", "χ² at 100 looks", alarms, runs, Limits(0.0, 0.02))
    yield from simulate_power(runs, random)


def simulate_halves(everybody: Users, size: int, runs: int, random: np.random.Generator) -> Iterator[Row]:
    metrics, counters = count_false_alarms(everybody, size, runs, random)
    for name in METRICS:
        yield Row(f"{size:,} users, one look", name, metrics[name], runs, NOMINAL)
    for name, alarms in counters.items():
        yield Row(f"{size:,} users, from counters of events", name, alarms, runs, WRONG)


def simulate_peeking(
    everybody: Users, purchases: Purchases, runs: int, random: np.random.Generator
) -> Iterator[Row]:
    size = 4_000
    columns = {"orders": everybody.orders, "revenue": everybody.cents}
    for name, column in columns.items():
        alarms = peek_while_users_come(
            partial(_draw_customers, column, size), looks=range(100, size + 1, 20), runs=runs, random=random
        )
        yield from _list_peeks(f"196 looks, {name}", alarms, runs)
    amounts = {"orders": np.ones_like(purchases.cents), "revenue": purchases.cents}
    for name, amount in amounts.items():
        alarms = peek_while_purchases_go_on(
            purchases, amounts=amount, customers=size, days=range(7, 182), runs=runs, random=random
        )
        yield from _list_peeks(f"175 days, {name}", alarms, runs)
    for name, draw in _list_drawn(size).items():
        alarms = peek_while_users_come(draw, looks=range(20, size + 1, 20), runs=runs, random=random)
        yield from _list_peeks(f"200 looks, {name}", alarms, runs)


def simulate_lifts(everybody: Users, runs: int, random: np.random.Generator) -> Iterator[Row]:
    for size in (200, 1_000):
        found = count_false_lifts(everybody, size, runs, random)
        for name, alarms in found.items():
            limits = AT_MOST_NOMINAL if name == "Fieller" else Limits(0.0, 1.0)
            yield Row(f"{size:,} users, interval of the lift", name, alarms, runs, limits)


def simulate_movers(runs: int, random: np.random.Generator) -> Iterator[Row]:
    for name, alarms in count_false_alarms_of_movers(8_000, runs, random).items():
        limits = NOMINAL if name == "first variant" else Limits(0.9, None)
        yield Row("50/50 to 20/80", name, alarms, runs, limits)


def simulate_power(runs: int, random: np.random.Generator) -> Iterator[Row]:
    """Not alarms: these effects are there."""
    for name, effect, lower in (("the effect it was sized for", 1.0, 0.8), ("double of it", 2.0, 0.99)):
        power = find_power(effect, runs, random)
        note = f"stops after {power.stopped_at:.0%} of the plan"
        yield Row("power of a sequence sized for 80 %", name, power.found, runs, Limits(lower, 1.0), note)


def _list_peeks(name: str, alarms: Alarms, runs: int) -> Iterator[Row]:
    yield Row("peeking", f"{name}: fixed test", alarms.fixed, runs, WRONG)
    yield Row("peeking", f"{name}: sequence", alarms.sequence, runs, AT_MOST_NOMINAL)


def _draw_customers(column: Numbers, size: int, random: np.random.Generator) -> Floats:
    return column[random.permutation(len(column))[:size]].astype(float)


def _list_drawn(size: int) -> Mapping[str, Callable[[np.random.Generator], Floats]]:
    return {
        "conversion of 0.5 %": lambda random: (random.random(size) < 0.005).astype(float),
        "conversion of 20 %": lambda random: (random.random(size) < 0.2).astype(float),
        "lognormal, σ 1": lambda random: random.lognormal(0, 1, size),
        "lognormal, σ 2": lambda random: random.lognormal(0, 2, size),
    }
