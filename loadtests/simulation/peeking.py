"""What looking again and again does: to a fixed test, to the sequence, to the test of the split."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtri, stdtrit

from chalicelib.domain.sample_ratio import ALARM_P_VALUE
from loadtests.simulation.users import Numbers, Purchases
from realtime.analysis.statistics.horizons import find_sequence_k

ALPHA = 0.05
_BATCH = 100
"""Runs that are divided at once."""
Floats = NDArray[np.float64]


class Alarms(NamedTuple):
    """Runs of which some look was significant."""

    fixed: int
    sequence: int


def peek_while_users_come(
    draw: Callable[[np.random.Generator], Floats],
    *,
    looks: range,
    runs: int,
    random: np.random.Generator,
    share: float = 0.5,
) -> Alarms:
    """Users come one by one; ``draw`` makes their numbers for a run. ``looks``: after so many."""
    at = np.array(looks) - 1
    fixed = sequence = 0
    fixed_k, sequence_k = _find_limits(np.array(looks))
    for _ in range(runs):
        y = draw(random)
        is_treated = random.random(len(y)) < share
        z = abs(
            _find_z(
                *(_accumulate(values, is_treated)[:, at] for values in (np.ones_like(y), y, y * y)),
            )
        )
        fixed += bool((z > fixed_k).any())
        sequence += bool((z > sequence_k).any())
    return Alarms(fixed, sequence)


def peek_while_purchases_go_on(
    purchases: Purchases,
    *,
    amounts: Numbers,
    customers: int,
    days: range,
    runs: int,
    random: np.random.Generator,
) -> Alarms:
    """A look each day at what users bought since their first purchase. ``amounts``: one for each purchase."""
    sample = random.permutation(purchases.customers)[:customers]
    position = np.full(purchases.customers, -1)
    position[sample] = np.arange(customers)
    kept = position[purchases.user] >= 0
    user, day, amount = position[purchases.user[kept]], purchases.day[kept], amounts[kept]
    spent = np.zeros((customers, days.stop))
    np.add.at(spent, (user, np.minimum(day, days.stop - 1)), np.where(day < days.stop, amount, 0))
    first = np.full(customers, days.stop)
    np.minimum.at(first, user, day)
    y = np.cumsum(spent, axis=1)[:, days.start :: days.step]
    is_in = first[:, None] <= np.array(days)
    sums = np.stack([is_in, y, y * y]).transpose(1, 0, 2).reshape(customers, -1)
    whole = sums.sum(axis=0)
    fixed_k, sequence_k = _find_limits(is_in.sum(axis=0))
    fixed = sequence = 0
    for start in range(0, runs, _BATCH):
        halves = (random.random((min(_BATCH, runs - start), customers)) < 0.5).astype(float)
        for treated in halves @ sums:
            n, total, squares = np.stack([whole - treated, treated]).reshape(2, 3, -1).transpose(1, 0, 2)
            z = abs(_find_z(n, total, squares))
            fixed += bool((z > fixed_k).any())
            sequence += bool((z > sequence_k).any())
    return Alarms(fixed, sequence)


def peek_at_the_split(users: int, looks: int, runs: int, random: np.random.Generator) -> int:
    """χ² of a 50/50 split that is right."""
    at = np.arange(1, looks + 1) * users // looks
    alarms = 0
    for _ in range(runs):
        treated = np.cumsum(random.random(users) < 0.5)[at - 1]
        chi_square = (2 * treated - at) ** 2 / at
        alarms += bool((chdtrc(1, chi_square) < ALARM_P_VALUE).any())
    return alarms


class Power(NamedTuple):
    """Runs that found the effect, and where they stopped: the mean share of the plan."""

    found: int
    stopped_at: float


def find_power(effect: float, runs: int, random: np.random.Generator, *, looks: int = 200) -> Power:
    """A sequence that was sized for 80 %; ``effect`` in shares of the one it was sized for."""
    planned = 100_000
    users = np.arange(1, looks + 1) * planned // looks
    k = np.array([find_sequence_k(int(n), planned, ALPHA) for n in users])
    drift = effect * (k[-1] + ndtri(0.8)) * np.sqrt(users / planned)
    noise = np.cumsum(random.normal(size=(runs, looks)), axis=1) / np.sqrt(np.arange(1, looks + 1))
    is_found = drift + noise > k
    stops = np.where(is_found.any(axis=1), is_found.argmax(axis=1) + 1, looks) / looks
    return Power(int(is_found.any(axis=1).sum()), float(stops.mean()))


def _find_limits(users: Any) -> tuple[Floats, Floats]:
    """k of one look and of the sequence that is planned for the last look."""
    planned = int(users[-1])
    sequence = [find_sequence_k(int(n), planned, ALPHA) for n in users]
    return stdtrit(np.maximum(users - 2, 1), 1 - ALPHA / 2), np.array(sequence)


def _accumulate(values: Floats, is_treated: NDArray[np.bool_]) -> Floats:
    """Running sums of both halves."""
    return np.stack([np.cumsum(values * ~is_treated), np.cumsum(values * is_treated)])


def _find_z(n: Floats, total: Floats, squares: Floats) -> Floats:
    """Each argument has a row for a half, and a column for a look. 0 where a half has too few users."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / n
        variance = (squares - total * mean) / (n - 1)
        z = (mean[1] - mean[0]) / np.sqrt((variance / n).sum(axis=0))
    known: Floats = np.nan_to_num(z, nan=0.0, posinf=0.0, neginf=0.0)
    return known
