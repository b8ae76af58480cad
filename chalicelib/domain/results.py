"""Counters of an experiment → its results, as the route and the command show them. Pure.

Amounts of different currencies are never added up. Counters count events, so a user who converts twice counts
twice, and conversions per assigned user may exceed 1. Means are per event. Variants are not compared here,
because events of one user belong together: `realtime/analysis` does it, from the archive.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.event_types import ASSIGNED, EXPOSURE, OTHER
from chalicelib.domain.sample_ratio import Publication, check_sample_ratio, list_periods
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.domain.stream.counters import UNASSIGNED, Counter, CounterItem, Sums, format_day

MIN_CONVERSIONS = 10
"""Per variant. With fewer, no number of them says anything."""
HOURS_SHOWN = 48

ByCurrency = dict[str, Sums]
"""Empty is the currency of events without one."""
ByType = dict[str, ByCurrency]
ByVariant = dict[str, ByType]


def compute_results(
    experiment: Experiment, items: Iterable[CounterItem], publications: Iterable[Publication] = ()
) -> dict[str, Any]:
    """``items`` are of the current iteration; ``publications`` of any, oldest first.

    ``conversions`` are the event types that count as a conversion; null: all types. ``windows`` has every
    day and the latest 48 hours with events, in UTC. A sum over several currencies is null.
    """
    items = list(items)
    totals: ByVariant = {}
    days: dict[str, ByVariant] = {}
    hours: dict[str, ByVariant] = {}
    shown = _list_latest_hours(items)
    for item in items:
        counter, day = item.counter, format_day(item.counter.day)
        for hour in shown.get(counter.day, ()):
            if hour in item.hours:
                _add(hours.setdefault(f"{day}T{hour:02d}", {}), counter, item.hours[hour])
        _add(days.setdefault(day, {}), counter, item.total)
        _add(totals, counter, item.total)
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
            "hour": {hour: _summarize_window(hours[hour]) for hour in sorted(hours)},
        },
        "notes": _write_notes(experiment, variants, srm),
    }


def _list_latest_hours(items: Iterable[CounterItem]) -> dict[int, set[int]]:
    """By day, the latest `HOURS_SHOWN` hours that have events."""
    by_day: dict[int, list[CounterItem]] = {}
    for item in items:
        by_day.setdefault(item.counter.day, []).append(item)
    latest: dict[int, set[int]] = {}
    left = HOURS_SHOWN
    for day in sorted(by_day, reverse=True):
        hours = sorted({hour for item in by_day[day] for hour in item.hours}, reverse=True)[:left]
        latest[day] = set(hours)
        left -= len(hours)
        if not left:
            break
    return latest


def _add(variants: ByVariant, counter: Counter, sums: Sums) -> None:
    currencies = variants.setdefault(counter.variant, {}).setdefault(counter.event_type, {})
    currencies[counter.currency] = currencies.get(counter.currency, Sums()).plus(sums)


def _count(types: ByType, event_type: str) -> int:
    return sum(sums.count for sums in types.get(event_type, {}).values())


def _summarize_variant(experiment: Experiment, types: ByType) -> dict[str, Any]:
    assigned = _count(types, ASSIGNED)
    conversions: ByCurrency = {}
    for event_type in experiment.metrics - {EXPOSURE} or types.keys() - {ASSIGNED, EXPOSURE}:
        for currency, sums in types.get(event_type, {}).items():
            conversions[currency] = conversions.get(currency, Sums()).plus(sums)
    count = sum(sums.count for sums in conversions.values())
    total = _find_total(conversions)
    return {
        "assigned": assigned,
        "exposures": _count(types, EXPOSURE),
        "conversions": count,
        "events_per_user": count / assigned if assigned else None,
        "total_value": None if total is None else total.total / SCALE,
        "mean_value": total.total / SCALE / count if total is not None and count else None,
        "events": _summarize_events(types),
    }


def _summarize_window(variants: ByVariant) -> dict[str, Any]:
    return {
        variant: {
            "assigned": _count(types, ASSIGNED),
            "exposures": _count(types, EXPOSURE),
            "events": _summarize_events(types),
        }
        for variant, types in sorted(variants.items())
    }


def _summarize_events(types: ByType) -> dict[str, Any]:
    """Without what corrections have brought to nothing (docs/counters.md#recount)."""
    return {
        event_type: _summarize_currencies(currencies)
        for event_type, currencies in sorted(types.items())
        if event_type != ASSIGNED and any(sums != Sums() for sums in currencies.values())
    }


def _summarize_currencies(currencies: ByCurrency) -> dict[str, Any]:
    count = sum(sums.count for sums in currencies.values())
    total = _find_total(currencies)
    summary: dict[str, Any] = {"count": count, "sum": None, "sum_squares": None}
    if total is not None:
        summary = _summarize(count, total)
    if currencies.keys() - {""}:
        named = sorted(currencies.items())
        summary["currencies"] = {currency: _summarize(sums.count, sums) for currency, sums in named}
    return summary


def _summarize(count: int, sums: Sums) -> dict[str, Any]:
    """Integers are divided once, so each number is the JSON number closest to the exact sum."""
    return {"count": count, "sum": sums.total / SCALE, "sum_squares": sums.squares / SCALE**2}


def _find_total(currencies: ByCurrency) -> Sums | None:
    """The sums of the only currency; None if there are several. Events without a value have none."""
    with_values = [sums for sums in currencies.values() if sums.squares]
    return None if len(with_values) > 1 else with_values[0] if with_values else Sums()


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
            "against its own split. Events per user mix the periods; a new iteration starts over."
        )
        notes.append(_note("split_changed", message))
    moved = sorted({variant for period in srm["periods"] for variant in period["not_tested"]})
    if moved:
        message = f"Users moved between variants, so their split cannot be tested: {', '.join(moved)}."
        notes.append(_note("split_not_testable", message))
    elif srm["p_value"] is None:
        notes.append(_note("too_few_assigned", "Too few assigned users to test the split."))
    currencies = _list_currencies(variants)
    if len(currencies) > 1:
        message = f"Amounts of different currencies are not added up: {', '.join(currencies)}."
        notes.append(_note("several_currencies", message))
    if any(OTHER in variant["events"] for variant in variants.values()):
        message = (
            "Events of types that no experiment's metrics name are counted together as $other. Name a type "
            "in metrics to count it from then on; the archive has the types of all events."
        )
        notes.append(_note("unnamed_event_types", message))
    few = [key for key, result in variants.items() if result["conversions"] < MIN_CONVERSIONS]
    if few:
        message = f"Fewer than {MIN_CONVERSIONS} conversions, so no conclusion yet: {', '.join(few)}."
        notes.append(_note("too_few_conversions", message))
    return notes


def _list_currencies(variants: Mapping[str, Mapping[str, Any]]) -> list[str]:
    codes = {
        currency or "(none)"
        for variant in variants.values()
        for events in variant["events"].values()
        for currency, sums in events.get("currencies", {}).items()
        if sums["sum_squares"]
    }
    return sorted(codes)


def _note(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}
