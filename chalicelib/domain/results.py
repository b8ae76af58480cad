"""Counters of an experiment → its results, as the route and the command show them. Pure.

A rate is conversions per assigned user. Counters count events, so a user who converts twice counts twice.
Means are per event. Variants are not compared here; the sums that a statistical test needs are included.
"""

from collections.abc import Iterable, Mapping
from math import erfc, exp, lgamma, log, sqrt
from typing import Any

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.stream.counters import ASSIGNED, UNASSIGNED, CounterItem, Sums, format_day
from chalicelib.domain.stream.event import SCALE

EXPOSURE = "exposure"
ALARM_P_VALUE = 0.001
"""Below this p-value the split of assigned users is not the one in the definition."""
MIN_EXPECTED = 5
"""Expected users per variant; a χ² test needs at least so many."""
MIN_CONVERSIONS = 10
"""Per variant. With fewer, a rate is too uncertain."""
HOURS_SHOWN = 48

ByType = dict[str, Sums]
ByVariant = dict[str, ByType]


def compute_results(experiment: Experiment, items: Iterable[CounterItem]) -> dict[str, Any]:
    """``items`` are of the current iteration.

    ``conversions`` are the event types that count as a conversion; null: all types. ``windows`` has every
    day and the latest 48 hours with events, in UTC.
    """
    totals: ByVariant = {}
    days: dict[str, ByVariant] = {}
    hours: dict[str, ByVariant] = {}
    for counter, by_hour in items:
        day = format_day(counter.day)
        for hour, sums in by_hour.items():
            for window in (totals, days.setdefault(day, {}), hours.setdefault(f"{day}T{hour:02d}", {})):
                types = window.setdefault(counter.variant, {})
                types[counter.event_type] = types.get(counter.event_type, Sums()).plus(sums)
    unassigned = totals.pop(UNASSIGNED, {})
    variants = {key: _summarize_variant(experiment, totals.pop(key, {})) for key in experiment.variants}
    variants |= {key: _summarize_variant(experiment, types) for key, types in sorted(totals.items())}
    srm = check_sample_ratio(experiment, {key: result["assigned"] for key, result in variants.items()})
    return {
        "experiment_key": experiment.key,
        "experiment_id": experiment.id,
        "iteration": experiment.iteration,
        "status": experiment.status,
        "conversions": sorted(experiment.metrics - {EXPOSURE}) or None,
        "variants": variants,
        "unassigned": {"events": _summarize_events(unassigned)},
        "srm": srm,
        "windows": {
            "day": {day: _summarize_window(days[day]) for day in sorted(days)},
            "hour": {hour: _summarize_window(hours[hour]) for hour in sorted(hours)[-HOURS_SHOWN:]},
        },
        "notes": _write_notes(experiment, variants, srm),
    }


def check_sample_ratio(experiment: Experiment, assigned: Mapping[str, int]) -> dict[str, Any]:
    """χ² test of assigned users against the split; None if there are too few users for a test."""
    shares: dict[str, float] = {}
    lower = 0
    for upper, variant in experiment.split:
        if upper > lower:
            shares[variant] = (upper - lower) / 2**64
        lower = upper
    total = sum(assigned.get(variant, 0) for variant in shares)
    if len(shares) < 2 or min(shares.values()) * total < MIN_EXPECTED:
        return {"chi_square": None, "p_value": None, "alarm": False}
    chi_square = sum(
        (assigned.get(variant, 0) - share * total) ** 2 / (share * total) for variant, share in shares.items()
    )
    p_value = chi_square_p_value(chi_square, len(shares) - 1)
    return {"chi_square": chi_square, "p_value": p_value, "alarm": p_value < ALARM_P_VALUE}


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


def _summarize_variant(experiment: Experiment, types: ByType) -> dict[str, Any]:
    assigned = types.get(ASSIGNED, Sums()).count
    conversions = Sums()
    for event_type in experiment.metrics - {EXPOSURE} or types.keys() - {ASSIGNED, EXPOSURE}:
        conversions = conversions.plus(types.get(event_type, Sums()))
    return {
        "assigned": assigned,
        "exposures": types.get(EXPOSURE, Sums()).count,
        "conversions": conversions.count,
        "rate": conversions.count / assigned if assigned else None,
        "total_value": conversions.total / SCALE,
        "mean_value": conversions.total / SCALE / conversions.count if conversions.count else None,
        "events": _summarize_events(types),
    }


def _summarize_window(variants: ByVariant) -> dict[str, Any]:
    return {
        variant: {
            "assigned": types.get(ASSIGNED, Sums()).count,
            "exposures": types.get(EXPOSURE, Sums()).count,
            "events": _summarize_events(types),
        }
        for variant, types in sorted(variants.items())
    }


def _summarize_events(types: ByType) -> dict[str, Any]:
    """Integers are divided once, so each number is the JSON number closest to the exact sum."""
    return {
        event_type: {"count": sums.count, "sum": sums.total / SCALE, "sum_squares": sums.squares / SCALE**2}
        for event_type, sums in sorted(types.items())
        if event_type != ASSIGNED
    }


def _write_notes(
    experiment: Experiment, variants: Mapping[str, Mapping[str, Any]], srm: Mapping[str, Any]
) -> list[dict[str, str]]:
    notes = []
    if not experiment.metrics - {EXPOSURE}:
        notes.append(
            _note(
                "no_metrics",
                "The experiment's metrics name no conversion, so only events that name the experiment are "
                "counted here: list the event types in metrics.",
            )
        )
    if srm["alarm"]:
        notes.append(
            _note(
                "sample_ratio_mismatch",
                "The split of assigned users differs from the definition: find the cause before you read the "
                "other numbers. (After a change of allocations, sticky users alone can be the cause.)",
            )
        )
    if srm["p_value"] is None:
        notes.append(_note("too_few_assigned", "Too few assigned users to test the split."))
    few = [key for key, result in variants.items() if result["conversions"] < MIN_CONVERSIONS]
    if few:
        message = f"Fewer than {MIN_CONVERSIONS} conversions, so no conclusion yet: {', '.join(few)}."
        notes.append(_note("too_few_conversions", message))
    return notes


def _note(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
