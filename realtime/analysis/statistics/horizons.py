"""How many standard errors an interval needs, and the p-value of so many: for one look, or at any time.

At a fixed horizon it is Welch's t. An always-valid sequence is the normal mixture (Robbins 1970; Howard,
Ramdas, McAuliffe, Sekhon 2021; Waudby-Smith et al. 2024): with q = users · ρ²,
k² = (q + 1)/q · (ln(q + 1) − 2 ln α). ρ² makes it narrowest at the planned users.
"""

from dataclasses import dataclass
from math import exp, log, log1p, sqrt
from typing import Protocol

from scipy.special import stdtr, stdtrit

from realtime.analysis.statistics.pair import Pair


class Horizon(Protocol):
    def find_k(self, pair: Pair, alpha: float) -> float:
        """Two-sided."""

    def find_p(self, pair: Pair, z: float, alpha: float) -> float:
        """Two-sided, of ``z`` standard errors; below ``alpha`` exactly where z is beyond k."""


class FixedHorizon:
    """Valid for one look only."""

    def find_k(self, pair: Pair, alpha: float) -> float:
        return float(stdtrit(pair.degrees, 1 - alpha / 2))

    def find_p(self, pair: Pair, z: float, alpha: float) -> float:  # noqa: ARG002  a sequence depends on it
        return float(2 * stdtr(pair.degrees, -abs(z)))


@dataclass(frozen=True, slots=True)
class SequentialHorizon:
    """Valid at any time, however often one looks. ``planned_users`` are of both variants together."""

    planned_users: int

    def find_k(self, pair: Pair, alpha: float) -> float:
        return find_sequence_k(pair.users, self.planned_users, alpha)

    def find_p(self, pair: Pair, z: float, alpha: float) -> float:
        q = pair.users * tune_sequence(self.planned_users, alpha)
        return min(1.0, exp(log1p(q) / 2 - z**2 * q / (2 * (q + 1))))


def tune_sequence(planned_users: int, alpha: float) -> float:
    """ρ²."""
    return (-2 * log(alpha) + log1p(-2 * log(alpha))) / planned_users


def find_sequence_k(users: int, planned_users: int, alpha: float) -> float:
    q = users * tune_sequence(planned_users, alpha)
    return sqrt((q + 1) / q * (log1p(q) - 2 * log(alpha)))
