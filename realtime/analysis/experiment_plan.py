"""A plan for a whole experiment: users that its slowest metric needs, and when they are there. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import NamedTuple

from chalicelib.domain.definitions.analysis_schema import read_duration
from realtime.analysis.duration import DAY, Duration, count_users, find_duration
from realtime.analysis.model import PlannedMetric
from realtime.analysis.planning import (
    Baseline,
    PlanError,
    Question,
    compute_control_users,
    compute_guardrail_users,
    find_smallest_lift,
)

WEEKS = (1, 2, 3, 4, 6, 8, 12)


@dataclass(frozen=True, slots=True)
class Traffic:
    """``new_users`` on each day of the archive; of them ``traffic`` is in the experiment, and ``share`` of
    these in the control. Empty: nobody knows.
    """

    new_users: Sequence[int] = ()
    traffic: float = 1.0
    share: float = 0.5

    @property
    def control_share(self) -> float:
        return self.traffic * self.share


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """``effect``: a lift, or the margin of a guardrail. ``control_users`` at the question's horizon, and what
    the other horizon (``other_users``) and no CUPED (``raw_users``) would need.
    """

    planned: PlannedMetric
    baseline: Baseline
    effect: float
    control_users: int
    other_users: int
    raw_users: int


class WeekLift(NamedTuple):
    """The smallest lift of the first primary metric that so many weeks can show; None: more than there is."""

    weeks: int
    control_users: int
    lift: float | None


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """``planned_users``: control and one treatment together, as `planned_users` of an analysis.
    ``duration`` is None where nobody comes.
    """

    question: Question
    treatments: int
    metrics: Sequence[MetricPlan]
    traffic: Traffic
    duration: Duration | None
    lifts: Sequence[WeekLift]

    @property
    def control_users(self) -> int:
        return max(metric.control_users for metric in self.metrics)

    @property
    def treatment_users(self) -> int:
        return ceil(self.control_users * self.question.ratio)

    @property
    def planned_users(self) -> int:
        return self.control_users + self.treatment_users

    @property
    def all_users(self) -> int:
        return self.control_users + self.treatments * self.treatment_users


def make_plan(
    baselines: Sequence[tuple[PlannedMetric, Baseline]],
    question: Question,
    traffic: Traffic,
    *,
    lift: float | None = None,
    treatments: int = 1,
) -> ExperimentPlan:
    """Secondary metrics need none. ``lift`` replaces the minimum effect of primaries. Raises PlanError."""
    counted = [(planned, baseline) for planned, baseline in baselines if planned.role != "secondary"]
    if not any(planned.role == "primary" for planned, _ in counted):
        raise PlanError("no primary metric: name one with --metric, or in the experiment's analysis")
    whole = replace(
        question,
        comparisons=treatments * sum(planned.role == "primary" for planned, _ in counted),
        guardrails=sum(planned.role == "guardrail" for planned, _ in counted),
    )
    metrics = [_plan_metric(planned, baseline, whole, lift) for planned, baseline in counted]
    windows = [planned.metric.window for planned, _ in counted]
    window = max(read_duration(text) if text else 0 for text in windows)
    needed = max(metric.control_users for metric in metrics)
    return ExperimentPlan(
        whole,
        treatments,
        metrics,
        traffic,
        find_duration(traffic.new_users, needed, share=traffic.control_share, window_seconds=window),
        _list_lifts(metrics, whole, traffic, window),
    )


def _plan_metric(
    planned: PlannedMetric, baseline: Baseline, question: Question, lift: float | None
) -> MetricPlan:
    metric = planned.metric
    if planned.margin is not None:
        effect = planned.margin
    elif lift is not None or metric.minimum_effect is not None:
        effect = lift if lift is not None else (metric.minimum_effect or 0.0)
    else:
        raise PlanError(f"{metric.key}: say which effect matters, with --lift or as its minimum_effect")

    def count(baseline: Baseline, question: Question) -> int:
        if planned.margin is not None:
            return ceil(compute_guardrail_users(baseline, effect, question, metric.better))
        return ceil(compute_control_users(baseline, effect if metric.better == "up" else -effect, question))

    other = replace(question, is_sequential=not question.is_sequential)
    raw = replace(baseline, correlation=0.0)
    return MetricPlan(
        planned, baseline, effect, count(baseline, question), count(baseline, other), count(raw, question)
    )


def _list_lifts(
    metrics: Sequence[MetricPlan], question: Question, traffic: Traffic, window: int
) -> list[WeekLift]:
    primary = next(metric for metric in metrics if metric.planned.role == "primary")
    found = []
    for weeks in WEEKS:
        days = weeks * 7 - ceil(window / DAY)
        users = int(count_users(traffic.new_users, days, traffic.control_share)) if days > 0 else 0
        if users > 0:
            found.append(WeekLift(weeks, users, find_smallest_lift(primary.baseline, users, question)))
    return found
