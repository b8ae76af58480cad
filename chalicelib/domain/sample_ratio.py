"""The sample-ratio test: were users assigned in the shares that the definition asks for? Pure.

Each period between two changes of the split is tested against its own split, and the χ² values and degrees of
freedom are added up. docs/counters.md#sample-ratio says what is left out.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import erfc, exp, lgamma, log, sqrt
from typing import Any, NamedTuple

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.stream.counters import CounterItem, Sums
from chalicelib.domain.timestamps import format_timestamp

ALARM_P_VALUE = 0.001
"""Below this p-value the split of assigned users is not the one in the definition."""
MIN_EXPECTED = 5
"""Expected users per variant; a χ² test needs at least so many."""
PUBLISH_SECONDS = 60.0
"""Around a publish, in which either definition may decide: containers load the new one within 10 seconds, and
the publisher's clock may be wrong by some seconds."""

Ranges = tuple[tuple[int, int, str], ...]
"""(lower, upper, variant) of the second half of the hash."""


class Publication(NamedTuple):
    """One published version of an experiment; ``published_at`` is epoch seconds."""

    published_at: float
    experiment: Experiment


@dataclass(frozen=True, slots=True)
class Period:
    """A time with one split, from ``start`` (epoch seconds; None is the beginning) to the next period.

    ``current_names`` has the variants that were renamed in it. ``latest`` is the last definition in it.
    """

    start: float | None
    ranges: Ranges
    latest: Experiment
    is_sticky: bool
    current_names: Mapping[str, str] = field(default_factory=dict)

    def get_current_name(self, variant: str) -> str:
        return self.current_names.get(variant, variant)

    def list_names(self, current_name: str) -> set[str]:
        """All names that a stored assignment of this variant can have."""
        return {current_name, *(old for old, name in self.current_names.items() if name == current_name)}


def list_periods(experiment: Experiment, publications: Iterable[Publication]) -> list[Period]:
    """The periods of the current iteration of ``experiment``; ``publications`` are oldest first.

    Only an active version assigns users. Without one, there is one period with the split of ``experiment``.
    """
    periods: list[Period] = []
    for published_at, version in publications:
        if (version.id, version.iteration) != (experiment.id, experiment.iteration):
            continue
        if version.status == "active":
            ranges = list_ranges(version)
            start = published_at if periods else None
            period = Period(start, ranges, version, version.is_sticky)
            joined = _join(periods[-1], period) if periods else None
            periods[-1:] = [joined] if joined else [*periods[-1:], period]
    return periods or [Period(None, list_ranges(experiment), experiment, experiment.is_sticky)]


def check_sample_ratio(periods: Sequence[Period], items: Iterable[CounterItem]) -> dict[str, Any]:
    """χ² test of the assigned users in ``items``; None where there are too few users for a test."""
    assigned = _count_by_period(periods, items)
    moved = _find_moved_variants(periods)
    results = [
        _check_period(period, users, variants)
        for period, users, variants in zip(periods, assigned, moved, strict=True)
    ]
    tested = [result for result in results if result["chi_square"] is not None]
    if not tested:
        return {"chi_square": None, "p_value": None, "alarm": False, "periods": results}
    chi_square = sum(result["chi_square"] for result in tested)
    p_value = chi_square_p_value(chi_square, sum(result["degrees"] for result in tested))
    alarm = p_value < ALARM_P_VALUE
    return {"chi_square": chi_square, "p_value": p_value, "alarm": alarm, "periods": results}


def list_ranges(experiment: Experiment) -> Ranges:
    """Those that are not empty."""
    lowers = [0, *(upper for upper, _ in experiment.split)]
    ranges = zip(lowers, experiment.split, strict=False)
    return tuple((lower, upper, variant) for lower, (upper, variant) in ranges if upper > lower)


def find_renamed(before: Ranges, after: Ranges) -> dict[str, str]:
    """Old name → new name of variants that kept their range of users."""
    old, new = ({(lower, upper): variant for lower, upper, variant in ranges} for ranges in (before, after))
    kept = {*old.values()} & {*new.values()}
    names = {old[bounds]: new[bounds] for bounds in old.keys() & new.keys()}
    return {name: other for name, other in names.items() if name not in kept and other not in kept}


def chi_square_p_value(chi_square: float, degrees: int) -> float:
    """The probability of at least this value: the regularised upper incomplete gamma Q(degrees/2, χ²/2).

    The recurrence Q(a + 1, x) = Q(a, x) + x^a e^-x / Γ(a + 1) is exact for whole degrees of freedom.
    """
    x = chi_square / 2
    if x == 0:
        return 1.0
    a, q = (0.5, erfc(sqrt(x))) if degrees % 2 else (1.0, exp(-x))
    while a < degrees / 2:
        q += exp(a * log(x) - x - lgamma(a + 1))
        a += 1
    return min(q, 1.0)


def _join(period: Period, following: Period) -> Period | None:
    """One period if the split stays, but for the names of variants: returning users get the new name."""
    renamed = find_renamed(period.ranges, following.ranges)
    ranges = tuple((lower, upper, renamed.get(name, name)) for lower, upper, name in period.ranges)
    if ranges != following.ranges:
        return None
    names = {old: renamed.get(name, name) for old, name in period.current_names.items()}
    is_sticky = period.is_sticky and following.is_sticky
    return replace(following, start=period.start, is_sticky=is_sticky, current_names=names | renamed)


def _count_by_period(periods: Sequence[Period], items: Iterable[CounterItem]) -> list[Counter[str]]:
    """Assigned users by current variant name. An hour in which a period begins is left out."""
    starts = [period.start for period in periods if period.start is not None]
    counts: list[Counter[str]] = [Counter() for _ in periods]
    for item in items:
        counter = item.counter
        if counter.event_type != ASSIGNED:
            continue
        for hour, sums in _list_hours(item, starts):
            begin = (counter.day * 24 + hour) * 3600.0
            if not any(begin - PUBLISH_SECONDS < start < begin + 3600 + PUBLISH_SECONDS for start in starts):
                index = sum(start <= begin for start in starts)
                counts[index][periods[index].get_current_name(counter.variant)] += sums.count
    return counts


def _list_hours(item: CounterItem, starts: Sequence[float]) -> Iterable[tuple[int, Sums]]:
    """A day without the start of a period is as one hour of it."""
    begin = item.counter.day * 86_400.0
    if any(begin - PUBLISH_SECONDS < start < begin + 86_400 + PUBLISH_SECONDS for start in starts):
        return item.hours.items()
    return [(12, item.total)]


def _find_moved_variants(periods: Sequence[Period]) -> list[set[str]]:
    """For each period the variants from which or to which users moved who were assigned in another period.

    Their count goes to the hour in which they moved, so that neither variant can be tested. Sticky users move
    only if their variant is gone.
    """
    moved: list[set[str]] = [set() for _ in periods]
    for (index, earlier), (later_index, later) in combinations(enumerate(periods), 2):
        is_same_hash = earlier.latest.salt == later.latest.salt
        for lower, upper, current_name in earlier.ranges:
            targets = {
                target
                for later_lower, later_upper, target in later.ranges
                if not is_same_hash or (lower < later_upper and later_lower < upper)
            }
            for name in earlier.list_names(current_name):
                is_kept = later.is_sticky and name in later.latest.variants
                if not is_kept and targets != {name}:
                    moved[index].add(current_name)
                    moved[later_index] |= targets - {name}
    return moved


def _check_period(period: Period, assigned: Mapping[str, int], moved: set[str]) -> dict[str, Any]:
    shares: dict[str, float] = {}
    for lower, upper, variant in period.ranges:
        shares[variant] = shares.get(variant, 0.0) + (upper - lower) / 2**64
    result: dict[str, Any] = {
        "start": None if period.start is None else format_timestamp(period.start),
        "split": shares,
        "assigned": {variant: assigned.get(variant, 0) for variant in shares},
        "chi_square": None,
        "degrees": None,
        "not_tested": sorted(moved & shares.keys()),
    }
    tested = {variant: share for variant, share in shares.items() if variant not in moved}
    total, whole = sum(assigned.get(variant, 0) for variant in tested), sum(tested.values())
    expected = {variant: share / whole * total for variant, share in tested.items()}
    if len(expected) < 2 or min(expected.values()) < MIN_EXPECTED:
        return result
    chi_square = sum((assigned.get(variant, 0) - users) ** 2 / users for variant, users in expected.items())
    return result | {"chi_square": chi_square, "degrees": len(expected) - 1}
