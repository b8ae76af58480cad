"""A plan as a table and as JSON."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from realtime.analysis.experiment_plan import ExperimentPlan, MetricPlan
from realtime.analysis.numbers import format_number, format_share
from realtime.analysis.reports.shown_text import show


def describe_plan(plan: ExperimentPlan, entry: str) -> dict[str, Any]:
    duration = plan.duration
    return {
        "alpha": plan.question.alpha,
        "power": plan.question.power,
        "sequential": plan.question.is_sequential,
        "treatments": plan.treatments,
        "ratio": plan.question.ratio,
        "entry": entry,
        "metrics": [_describe_metric(metric) for metric in plan.metrics],
        "control_users": plan.control_users,
        "treatment_users": plan.treatment_users,
        "planned_users": plan.planned_users,
        "all_users": plan.all_users,
        "duration": duration
        and {
            "entry_days": duration.entry_days,
            "days": duration.days,
            "weeks": duration.weeks,
            "is_extrapolated": duration.is_extrapolated,
        },
        "smallest_lifts": [one._asdict() for one in plan.lifts],
    }


def draw_plan(plan: ExperimentPlan, entry: str) -> RenderableType:
    question = plan.question
    kind = "always-valid intervals" if question.is_sequential else "one look at the end"
    head = (
        f"{plan.control_users:,} users of the control and {plan.treatment_users:,} of each treatment: "
        f"{plan.all_users:,} in all. {_draw_duration(plan, entry)}"
    )
    terms = f"Power {format_share(question.power)}, α {format_share(question.alpha)}, {kind}."
    parts: list[RenderableType] = [show(head), show(terms), Text(""), _draw_metrics(plan)]
    if plan.lifts:
        parts += [Text(""), _draw_lifts(plan)]
    parts += [Text(""), show(f"For the experiment's analysis: planned_users: {plan.planned_users}")]
    return Group(*parts)


def _describe_metric(metric: MetricPlan) -> dict[str, Any]:
    return {
        "key": metric.planned.metric.key,
        "role": metric.planned.role,
        "effect": metric.effect,
        "baseline": {
            "mean": metric.baseline.mean,
            "variance": metric.baseline.variance,
            "correlation": metric.baseline.correlation,
        },
        "control_users": metric.control_users,
        "control_users_other_horizon": metric.other_users,
        "control_users_without_cuped": metric.raw_users,
    }


def _draw_duration(plan: ExperimentPlan, entry: str) -> str:
    if plan.duration is None:
        if not plan.traffic.new_users:
            return "How long that takes is not known without users in the archive."
        return f"Nobody new had the event {entry} in the last days, so it never ends."
    weeks = plan.duration.weeks
    origin = ", as users came in before"
    if plan.duration.is_extrapolated:
        origin = f", if users go on to come in as in the last days of {len(plan.traffic.new_users)} known"
    return f"That takes {weeks} week{'s' if weeks > 1 else ''}{origin}."


def _draw_metrics(plan: ExperimentPlan) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    other = "at one look" if plan.question.is_sequential else "always valid"
    table.add_column("metric", overflow="fold")
    for name in ("effect", "mean now", "users", other):
        table.add_column(name, justify="right")
    for metric in plan.metrics:
        table.add_row(
            show(metric.planned.metric.key),
            ("−" if metric.planned.margin is not None else "±") + format_share(metric.effect),
            format_number(metric.baseline.mean),
            f"{metric.control_users:,}",
            f"{metric.other_users:,}",
        )
    return table


def _draw_lifts(plan: ExperimentPlan) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("weeks", "users of the control", "smallest lift"):
        table.add_column(name, justify="right")
    for one in plan.lifts:
        lift = "–" if one.lift is None else format_share(one.lift)
        table.add_row(str(one.weeks), f"{one.control_users:,}", lift)
    return table
