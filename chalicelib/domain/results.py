"""Counters of an experiment → its results, as the route and the command show them. Pure.

A rate is conversions per assigned user: counters hold events, so a user who converts twice counts twice.
Means are per event. Nothing here compares variants: the sums that a test needs are given instead.
"""

from collections.abc import Iterable, Mapping
from math import erfc, exp, lgamma, log, sqrt
from typing import Any

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.stream.counters import ASSIGNED, UNASSIGNED, CounterItem, Sums, format_day
from chalicelib.domain.stream.event import SCALE

EXPOSURE = "exposure"
ALARM = 0.001
"""Below this p-value the split of assigned users is not the one that was asked for."""
MIN_EXPECTED = 5
"""Expected users per variant that a χ² test needs."""
MIN_CONVERSIONS = 10
"""Per variant; with fewer, a rate says nothing yet."""
HOURS = 48

ByType = dict[str, Sums]
ByVariant = dict[str, ByType]


def compute_results(experiment: Experiment, counted: Iterable[CounterItem]) -> dict[str, Any]:
    """All of the current iteration. ``conversions`` are the types that count as one, null: all of them;
    ``windows`` has every day and the latest 48 hours with events, UTC."""
    totals: ByVariant = {}
    days: dict[str, ByVariant] = {}
    hours: dict[str, ByVariant] = {}
    for counter, by_hour in counted:
        day = format_day(counter.day)
        for hour, sums in by_hour.items():
            for window in (totals, days.setdefault(day, {}), hours.setdefault(f"{day}T{hour:02d}", {})):
                types = window.setdefault(counter.variant, {})
                types[counter.event_type] = types.get(counter.event_type, Sums()).plus(sums)
    unassigned = totals.pop(UNASSIGNED, {})
    variants = {key: _variant(experiment, totals.pop(key, {})) for key in experiment.variants}
    variants |= {key: _variant(experiment, types) for key, types in sorted(totals.items())}
    srm = check_sample_ratio(experiment, {key: one["assigned"] for key, one in variants.items()})
    return {
        "experiment_key": experiment.key,
        "experiment_id": experiment.id,
        "iteration": experiment.iteration,
        "status": experiment.status,
        "conversions": sorted(experiment.metrics - {EXPOSURE}) or None,
        "variants": variants,
        "unassigned": {"events": _events(unassigned)},
        "srm": srm,
        "windows": {
            "day": {day: _window(days[day]) for day in sorted(days)},
            "hour": {hour: _window(hours[hour]) for hour in sorted(hours)[-HOURS:]},
        },
        "notes": _notes(variants, srm),
    }


def check_sample_ratio(experiment: Experiment, assigned: Mapping[str, int]) -> dict[str, Any]:
    """χ² of assigned users against the split; None where the numbers allow no test."""
    shares: dict[str, float] = {}
    below = 0
    for upper, variant in experiment.split:
        if upper > below:
            shares[variant] = (upper - below) / 2**64
        below = upper
    total = sum(assigned.get(variant, 0) for variant in shares)
    if len(shares) < 2 or min(shares.values()) * total < MIN_EXPECTED:
        return {"chi_square": None, "p_value": None, "alarm": False}
    chi_square = sum(
        (assigned.get(variant, 0) - share * total) ** 2 / (share * total) for variant, share in shares.items()
    )
    p_value = chi_square_p_value(chi_square, len(shares) - 1)
    return {"chi_square": chi_square, "p_value": p_value, "alarm": p_value < ALARM}


def chi_square_p_value(chi_square: float, degrees: int) -> float:
    """The chance of at least this value: the regularised upper incomplete gamma Q(degrees/2, χ²/2).

    Exact for whole degrees of freedom: Q(a + 1, x) = Q(a, x) + x^a e^-x / Γ(a + 1).
    """
    x = chi_square / 2
    if x == 0:
        return 1.0
    a, q = (0.5, erfc(sqrt(x))) if degrees % 2 else (1.0, exp(-x))
    while a < degrees / 2:
        q += exp(a * log(x) - x - lgamma(a + 1))
        a += 1
    return min(q, 1.0)


def _variant(experiment: Experiment, types: ByType) -> dict[str, Any]:
    assigned = types.get(ASSIGNED, Sums()).count
    converted = Sums()
    for event_type in experiment.metrics - {EXPOSURE} or types.keys() - {ASSIGNED, EXPOSURE}:
        converted = converted.plus(types.get(event_type, Sums()))
    return {
        "assigned": assigned,
        "exposures": types.get(EXPOSURE, Sums()).count,
        "conversions": converted.count,
        "rate": converted.count / assigned if assigned else None,
        "total_value": converted.total / SCALE,
        "mean_value": converted.total / SCALE / converted.count if converted.count else None,
        "events": _events(types),
    }


def _window(variants: ByVariant) -> dict[str, Any]:
    return {
        variant: {
            "assigned": types.get(ASSIGNED, Sums()).count,
            "exposures": types.get(EXPOSURE, Sums()).count,
            "events": _events(types),
        }
        for variant, types in sorted(variants.items())
    }


def _events(types: ByType) -> dict[str, Any]:
    """Whole numbers divided once: each is the closest that a JSON number comes to the exact sum."""
    return {
        event_type: {"count": one.count, "sum": one.total / SCALE, "sum_squares": one.squares / SCALE**2}
        for event_type, one in sorted(types.items())
        if event_type != ASSIGNED
    }


def _notes(variants: Mapping[str, Mapping[str, Any]], srm: Mapping[str, Any]) -> list[dict[str, str]]:
    notes = []
    if srm["alarm"]:
        notes.append(
            _note(
                "sample_ratio_mismatch",
                "The split of assigned users is not the one that was asked for: find the cause before "
                "reading anything else. (After a change of allocations, sticky users alone explain it.)",
            )
        )
    if srm["p_value"] is None:
        notes.append(_note("too_few_assigned", "Too few assigned users to test the split."))
    few = [key for key, one in variants.items() if one["conversions"] < MIN_CONVERSIONS]
    if few:
        message = f"Fewer than {MIN_CONVERSIONS} conversions, so no conclusion yet: {', '.join(few)}."
        notes.append(_note("too_few_conversions", message))
    return notes


def _note(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
