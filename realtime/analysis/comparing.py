"""Each metric: means of the variants, and every treatment beside the control."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from scipy.special import ndtr

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.decisions import decide_difference, decide_margin, find_shortage
from realtime.analysis.model import (
    Comparison,
    Decision,
    Design,
    Inference,
    MetricResult,
    Moments,
    PlannedMetric,
    Sums,
    VariantMean,
)
from realtime.analysis.secondaries import decide_secondaries
from realtime.analysis.statistics.estimates import Estimate, add_sums, estimate_variants
from realtime.analysis.statistics.horizons import FixedHorizon, Horizon, SequentialHorizon
from realtime.analysis.statistics.pair import Pair, make_pair

DEFAULT_PLAN = 10_000
"""Users at which a sequence without a plan is narrowest. It is valid for any number."""


def compare_metrics(design: Design, moments: Sequence[Moments]) -> list[MetricResult]:
    """In the order of the design's metrics, which is that of ``moments``."""
    pairs = zip(design.metrics, moments, strict=True)
    return decide_secondaries(design, [compare_metric(design, planned, one) for planned, one in pairs])


def compare_metric(design: Design, planned: PlannedMetric, moments: Moments) -> MetricResult:
    """Without decisions of a secondary metric: all of them are made together."""
    metric, sums = moments.metric, fill_variants(design, moments.sums)
    estimates = estimate_variants(
        list(sums.values()), is_ratio=metric.is_ratio, has_pre_period=metric.pre_period is not None
    )
    variants = {
        variant: _describe(sums[variant], estimates.adjusted[variant], estimates.raw[variant])
        for variant in sums
    }
    return MetricResult(
        metric,
        planned.role,
        planned.margin,
        variants,
        list(_compare_treatments(design, planned, metric, variants, estimates.adjusted)),
        theta=estimates.theta,
        cap=None if moments.cap is None else float(moments.cap),
        waiting=moments.waiting,
        segment=moments.segment,
    )


def fill_variants(design: Design, sums: Sequence[Sums]) -> dict[str, Sums]:
    """In the order of the design. A variant without users has sums of 0."""
    by_variant = {one.variant: one for one in sums}
    return {variant: by_variant.get(variant) or add_sums(variant, []) for variant in design.shares}


def find_alpha(design: Design, planned: PlannedMetric) -> float:
    """Of two-sided intervals. Primaries share the design's α; a guardrail is tested on one side only."""
    if planned.role == "guardrail":
        return 2 * design.alpha
    if planned.role == "secondary":
        return design.alpha
    primaries = sum(one.role == "primary" for one in design.metrics)
    return design.alpha / max(1, primaries * len(design.treatments))


def is_plan_reached(design: Design, users: int) -> bool:
    return design.planned_users is not None and users >= design.planned_users


def _compare_treatments(
    design: Design,
    planned: PlannedMetric,
    metric: MetricDocument,
    variants: Mapping[str, VariantMean],
    estimates: Mapping[str, Estimate],
) -> Iterator[Comparison]:
    if design.control not in variants:
        return
    control, alpha = estimates[design.control], find_alpha(design, planned)
    for treatment in design.treatments:
        shortage = find_shortage(metric, variants[design.control], variants[treatment])
        notes = (shortage,) if shortage else ()
        empty = Comparison(treatment, None, None, None, None, None, alpha, "undecided", notes)
        pair = make_pair(control, estimates[treatment])
        if pair is None:
            yield _compare_without_noise(empty, control, estimates[treatment])
        else:
            yield _compare_pair(empty, design, planned, metric, pair)


def _compare_without_noise(empty: Comparison, control: Estimate, treatment: Estimate) -> Comparison:
    """The means are all there is: too few users, or none that differs from another."""
    if control.mean is None or treatment.mean is None:
        return empty
    difference = treatment.mean - control.mean
    lift = difference / control.mean if control.mean > 0 else None
    se = 0.0 if control.variance == treatment.variance == 0 else None
    notes = empty.notes or ("no user differs from another, so nothing can be tested",)
    return replace(empty, difference=difference, se=se, lift=lift, notes=notes)


def _compare_pair(
    empty: Comparison, design: Design, planned: PlannedMetric, metric: MetricDocument, pair: Pair
) -> Comparison:
    current, fixed = (
        _infer(pair, horizon, empty.alpha, metric, planned.margin) if horizon else None
        for horizon in _choose_horizons(design, pair)
    )
    shown = [one for one in (current, fixed) if one is not None]
    has_lift = pair.control > 0 and (not shown or any(one.lift_interval for one in shown))
    decision: Decision = "undecided"
    if current is not None and not empty.notes and planned.role != "secondary":
        decision = _decide(design, planned, pair, current, empty.alpha)
    chance = float(ndtr(pair.find_z() if metric.better == "up" else -pair.find_z()))
    return replace(
        empty,
        difference=pair.difference,
        se=pair.se,
        lift=pair.difference / pair.control if has_lift else None,
        current=current,
        fixed=fixed,
        decision=decision,
        notes=(*empty.notes, *_list_notes(design, pair, fixed, has_lift=has_lift)),
        chance_to_beat=chance,
    )


def _list_notes(design: Design, pair: Pair, fixed: Inference | None, *, has_lift: bool) -> Iterator[str]:
    if not has_lift:
        yield "the control's mean is not above 0 beyond its noise, so there is no lift"
    is_reached = is_plan_reached(design, pair.users)
    if fixed is not None and not is_reached:
        yield "the fixed-horizon numbers are valid for one look only"
    if fixed is None and not design.is_sequential:
        yield "a fixed horizon is read once, when the planned users are there"


def _choose_horizons(design: Design, pair: Pair) -> tuple[Horizon | None, Horizon | None]:
    """What decides, and the fixed horizon where it may be shown."""
    is_shown = design.is_fixed_asked or is_plan_reached(design, pair.users)
    fixed = FixedHorizon() if is_shown else None
    return (SequentialHorizon(design.planned_users or DEFAULT_PLAN) if design.is_sequential else fixed), fixed


def _infer(
    pair: Pair, horizon: Horizon, alpha: float, metric: MetricDocument, margin: float | None
) -> Inference:
    k = horizon.find_k(pair, alpha)
    p_value = (
        horizon.find_p(pair, pair.find_z(), alpha)
        if margin is None
        else _find_margin_p(pair, horizon, alpha, margin, sign=1 if metric.better == "up" else -1)
    )
    return Inference(pair.find_interval(k), p_value, pair.find_lift_interval(k))


def _find_margin_p(pair: Pair, horizon: Horizon, alpha: float, margin: float, *, sign: int) -> float | None:
    """One-sided, against the treatment being worse by ``margin`` of the control's mean."""
    if pair.control <= 0:
        return None
    z = sign * pair.find_z(1 - sign * margin)
    half = horizon.find_p(pair, z, alpha) / 2
    return half if z > 0 else 1 - half


def _decide(
    design: Design, planned: PlannedMetric, pair: Pair, inference: Inference, alpha: float
) -> Decision:
    if planned.margin is not None:
        return decide_margin(inference, design.alpha)
    is_significant = inference.p_value is not None and inference.p_value < alpha
    return decide_difference(planned.metric, pair.difference, inference, is_significant=is_significant)


def _describe(sums: Sums, adjusted: Estimate, raw: Estimate) -> VariantMean:
    return VariantMean(
        sums.users, adjusted.mean, adjusted.variance, raw.mean, sums.converted, float(sums.totals["y"])
    )
