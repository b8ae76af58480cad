"""What is to be planned: the experiment's own plan, where the command line says nothing else. Pure."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.domain.definitions.analysis_schema import (
    ASSIGNMENT_ANCHOR,
    AnalysisDocument,
    MetricDocument,
)
from chalicelib.domain.definitions.compiler import compile_experiment
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.publishing.plan_changes import find_anchor, find_control
from chalicelib.domain.sample_ratio import list_ranges
from realtime.analysis.design import list_metrics
from realtime.analysis.experiment_plan import Traffic
from realtime.analysis.model import Design, PlannedMetric
from realtime.analysis.planning import PlanError, Question

EVERYBODY = "all"


@dataclass(frozen=True, slots=True)
class Ask:
    """None is left to the experiment, or to the default of a plan. ``variants`` has the control, too.

    ``ratio``: users of a treatment for one of the control. ``share``: of the control.
    """

    metric: str | None = None
    lift: float | None = None
    alpha: float | None = None
    power: float | None = None
    is_sequential: bool | None = None
    variants: int | None = None
    ratio: float | None = None
    share: float | None = None
    entry: str | None = None
    traffic: float | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """``entry``: the event with which users come in."""

    metrics: list[PlannedMetric]
    question: Question
    treatments: int
    entry: str
    traffic: Traffic = field(default_factory=Traffic)


def find_setting(
    ask: Ask, experiment: ExperimentDocument | None, catalogue: Mapping[str, MetricDocument]
) -> Setting:
    """``catalogue``: metrics that may be asked for. Raises PlanError."""
    analysis = (experiment and experiment.analysis) or AnalysisDocument()
    treatments, ratio, share = _divide(ask, experiment)
    question = Question(
        analysis.alpha if ask.alpha is None else ask.alpha,
        analysis.power if ask.power is None else ask.power,
        analysis.sequential if ask.is_sequential is None else ask.is_sequential,
        ratio=ratio,
    )
    traffic = 1.0 if experiment is None else experiment.traffic_allocation
    return Setting(
        _find_metrics(ask, experiment, catalogue),
        question,
        treatments,
        ask.entry or (find_anchor(experiment) if experiment else ASSIGNMENT_ANCHOR),
        Traffic((), traffic if ask.traffic is None else ask.traffic, share),
    )


def make_baseline_design(setting: Setting, since: float | None, until: float) -> Design:
    """Everybody who had the event ``entry``, from the first one on."""
    return Design(
        *(EVERYBODY, EVERYBODY, 1, 1, {EVERYBODY: 1.0}, EVERYBODY, setting.entry, setting.metrics),
        since=since,
        until=until,
        is_baseline=True,
    )


def _find_metrics(
    ask: Ask, experiment: ExperimentDocument | None, catalogue: Mapping[str, MetricDocument]
) -> list[PlannedMetric]:
    if ask.metric is not None:
        metric = catalogue.get(ask.metric)
        if metric is None:
            known = ", ".join(sorted(catalogue)) or "none"
            raise PlanError(f"--metric: there is no metric {ask.metric}; known are: {known}")
        return [PlannedMetric(metric, "primary")]
    if experiment is None:
        raise PlanError("name an experiment, or a metric with --metric")
    planned = [one for one in list_metrics(experiment, {}) if one.role != "secondary"]
    if not any(one.role == "primary" for one in planned):
        raise PlanError(f"{experiment.key} plans no primary metric: name one with --metric")
    return planned


def _divide(ask: Ask, experiment: ExperimentDocument | None) -> tuple[int, float, float]:
    """Treatments, users of the smallest one for each of the control, and the share of the control."""
    if experiment is None or ask.variants is not None or ask.ratio is not None:
        treatments = (ask.variants or 2) - 1
        ratio = 1.0 if ask.ratio is None else ask.ratio
        share = 1 / (1 + treatments * ratio)
    else:
        sizes: Counter[str] = Counter()
        for lower, upper, variant in list_ranges(compile_experiment(experiment)):
            sizes[variant] += upper - lower
        control, treated = sizes.pop(find_control(experiment), 0), list(sizes.values())
        if not treated or not control:
            raise PlanError(f"{experiment.key} has no second variant with users to compare with the control")
        treatments, ratio = len(treated), min(treated) / control
        share = control / (control + sum(treated))
    return treatments, ratio, share if ask.share is None else ask.share
