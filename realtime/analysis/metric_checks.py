"""Checks of single metrics: the time before, users who weigh too much, effects too good to be true."""

from collections.abc import Iterator, Sequence

from chalicelib.domain.sample_ratio import ALARM_P_VALUE
from realtime.analysis.comparing import fill_variants
from realtime.analysis.decisions import find_shortage
from realtime.analysis.model import Check, CheckStatus, Design, MetricResult, Moments
from realtime.analysis.numbers import format_p, format_share
from realtime.analysis.statistics.estimates import estimate_pre_period
from realtime.analysis.statistics.horizons import FixedHorizon
from realtime.analysis.statistics.pair import make_pair

LARGEST_SHARE = 0.1
"""Of a sum, that one user may have."""
DOUBTED_LIFT = 0.5
"""Twyman: a figure that looks interesting is usually wrong."""


def check_metrics(
    design: Design, moments: Sequence[Moments], results: Sequence[MetricResult]
) -> Iterator[Check]:
    yield _check_waiting(moments)
    yield from _check_outliers(moments)
    yield from _check_lifts(design, results)
    yield from _check_currencies(moments)
    yield from _check_counts(design, results)


def check_pre_period(design: Design, moments: Sequence[Moments]) -> Iterator[Check]:
    """Before the anchor nothing can differ but by chance."""
    rows: list[dict[str, object]] = []
    differing = []
    for one in moments:
        if one.metric.pre_period is None:
            continue
        sums = list(fill_variants(design, one.sums).values())
        estimates = estimate_pre_period(sums, is_ratio=one.metric.is_ratio)
        for treatment in design.treatments:
            pair = design.control in estimates and make_pair(estimates[design.control], estimates[treatment])
            if pair:
                p_value = FixedHorizon().find_p(pair, pair.find_z(), ALARM_P_VALUE)
                rows.append({"metric": one.metric.key, "treatment": treatment, "p_value": p_value})
                if p_value < ALARM_P_VALUE:
                    differing.append(f"{one.metric.key} of {treatment} (p {format_p(p_value)})")
    if differing:
        message = (
            f"Before the experiment the variants already differed: {', '.join(differing)}. So they are not "
            "comparable users, or the anchor comes after the effect begins."
        )
        yield Check("pre_period", "alarm", message, {"tests": rows})
    elif rows:
        message = "Before the experiment the variants did not differ."
        yield Check("pre_period", "ok", message, {"tests": rows})


def _check_waiting(moments: Sequence[Moments]) -> Check:
    waiting = {one.metric.key: one.waiting for one in moments if one.waiting}
    if not waiting:
        return Check("waiting", "ok", "The window of every user is over.", {"waiting": waiting})
    shown = ", ".join(f"{count:,} for {key}" for key, count in waiting.items())
    message = f"Users whose window is not over do not count yet: {shown}."
    return Check("waiting", "note", message, {"waiting": waiting})


def _check_outliers(moments: Sequence[Moments]) -> Iterator[Check]:
    rows: list[dict[str, object]] = []
    shown = []
    for one in moments:
        if one.metric.aggregate == "conversion":
            continue
        for sums in one.sums:
            total = sums.totals["y"]
            if total > 0 and sums.largest > LARGEST_SHARE * total:
                share = float(sums.largest / total)
                rows.append({"metric": one.metric.key, "variant": sums.variant, "share": share})
                shown.append(f"{format_share(share)} of {one.metric.key} in {sums.variant}")
    if rows:
        message = (
            f"One user has {', '.join(shown)}. Set a cap, such as cap: 0.99, so that no user decides alone."
        )
        yield Check("outlier", "warning", message, {"users": rows})


def _check_lifts(design: Design, results: Sequence[MetricResult]) -> Iterator[Check]:
    """Between few users, a large lift is chance."""
    rows: list[dict[str, object]] = []
    shown, is_doubted = [], False
    for result in results:
        for one in result.comparisons:
            if one.lift is None or abs(one.lift) <= DOUBTED_LIFT:
                continue
            rows.append({"metric": result.metric.key, "treatment": one.treatment, "lift": one.lift})
            shown.append(
                f"{result.metric.key} of {one.treatment} by {format_share(one.lift, is_signed=True)}"
            )
            pair = result.variants[design.control], result.variants[one.treatment]
            is_doubted = is_doubted or find_shortage(result.metric, *pair) is None
    if rows:
        status: CheckStatus = "warning" if is_doubted else "note"
        message = (
            f"So large an effect is usually a mistake in the data: {', '.join(shown)}. Check the events."
        )
        yield Check("twyman", status, message, {"lifts": rows})


def _check_currencies(moments: Sequence[Moments]) -> Iterator[Check]:
    rows = {one.metric.key: dict(one.currencies) for one in moments if one.currencies}
    if rows:
        shown = ", ".join(
            f"{sum(counts.values()):,} events of {key} ({', '.join(name or 'none' for name in counts)})"
            for key, counts in rows.items()
        )
        message = f"Amounts of another currency are left out: {shown}. Give rates, or select a currency."
        yield Check("currencies", "warning", message, {"events": rows})


def _check_counts(design: Design, results: Sequence[MetricResult]) -> Iterator[Check]:
    rows: list[dict[str, object]] = []
    for result in results:
        for one in result.comparisons:
            pair = result.variants[design.control], result.variants[one.treatment]
            shortage = find_shortage(result.metric, *pair)
            if shortage:
                rows.append({"metric": result.metric.key, "treatment": one.treatment, "reason": shortage})
    if rows:
        shown = "; ".join(f"{row['metric']}: {row['reason']}" for row in rows)
        yield Check("low_counts", "note", f"There is too little for a decision. {shown}.", {"metrics": rows})
