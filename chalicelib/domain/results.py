"""Counters of an experiment → its results, as the route and the command show them. Pure.

A rate is conversions per assigned user. Counters count events, so a user who converts twice counts twice.
Means are per event. Variants are not compared here; the sums that a statistical test needs are included.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.sample_ratio import Publication, check_sample_ratio, list_periods
from chalicelib.domain.stream.counters import ASSIGNED, UNASSIGNED, CounterItem, Sums, format_day
from chalicelib.domain.stream.event import SCALE
from chalicelib.domain.stream.tracking import EXPOSURE

MIN_CONVERSIONS = 10
"""Per variant. With fewer, a rate is too uncertain."""
HOURS_SHOWN = 48

ByType = dict[str, Sums]
ByVariant = dict[str, ByType]


def compute_results(
    experiment: Experiment, items: Iterable[CounterItem], publications: Iterable[Publication] = ()
) -> dict[str, Any]:
    """``items`` are of the current iteration; ``publications`` of any, oldest first.

    ``conversions`` are the event types that count as a conversion; null: all types. ``windows`` has every
    day and the latest 48 hours with events, in UTC.
    """
    items = list(items)
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
    srm = check_sample_ratio(list_periods(experiment, publications), items)
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
                "other numbers.",
            )
        )
    if len(srm["periods"]) > 1:
        message = (
            f"The split changed within this iteration, so each of {len(srm['periods'])} periods is tested "
            "against its own split. Rates mix the periods; a new iteration starts over."
        )
        notes.append(_note("split_changed", message))
    moved = sorted({variant for period in srm["periods"] for variant in period["not_tested"]})
    if moved:
        message = f"Users moved between variants, so their split cannot be tested: {', '.join(moved)}."
        notes.append(_note("split_not_testable", message))
    elif srm["p_value"] is None:
        notes.append(_note("too_few_assigned", "Too few assigned users to test the split."))
    few = [key for key, result in variants.items() if result["conversions"] < MIN_CONVERSIONS]
    if few:
        message = f"Fewer than {MIN_CONVERSIONS} conversions, so no conclusion yet: {', '.join(few)}."
        notes.append(_note("too_few_conversions", message))
    return notes


def _note(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
