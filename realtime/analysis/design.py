"""From a published experiment and its history to the design of its analysis. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from chalicelib.domain.definitions.analysis_schema import AnalysisDocument, MetricDocument
from chalicelib.domain.definitions.compiler import compile_experiment
from chalicelib.domain.definitions.model import DefinitionRow, find_in_force
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.errors import NotFound
from chalicelib.domain.event_types import EXPOSURE
from chalicelib.domain.publications import read_publications
from chalicelib.domain.publishing.documents import parse_row
from chalicelib.domain.publishing.plan_changes import find_anchor, find_control
from chalicelib.domain.sample_ratio import Period, list_periods
from realtime.analysis.model import Design, PlannedMetric, SplitPeriod
from realtime.analysis.units import find_unit

_NO_KEY = re.compile(r"[^A-Za-z0-9._-]+")


class PublishedExperiment(NamedTuple):
    document: ExperimentDocument
    version: int


@dataclass(frozen=True, slots=True)
class Options:
    """What one call of `analyze` asks otherwise than the experiment plans.

    ``metrics``: those of a file, in place of the frozen ones; ``analysis``: a plan of that file.
    """

    anchor: str | None = None
    since: float | None = None
    until: float | None = None
    is_fixed_asked: bool = False
    metrics: Mapping[str, MetricDocument] = field(default_factory=dict)
    analysis: AnalysisDocument | None = None


def find_published(key: str, history: Sequence[DefinitionRow]) -> PublishedExperiment:
    """The newest version that can be read; of a removed experiment its last. ``history`` is newest first.

    Raises NotFound.
    """
    for row in history:
        document = parse_row(row) if row.text else None
        if isinstance(document, ExperimentDocument):
            return PublishedExperiment(document, row.version)
    raise NotFound.experiment(key)


def make_design(
    published: PublishedExperiment,
    history: Sequence[DefinitionRow],
    now: float,
    options: Options | None = None,
    overridden: Collection[str] = (),
) -> Design:
    """``overridden``: users that another system gives a variant. ``now``: epoch seconds.

    Raises ValueError with the option and the fix.
    """
    options = options or Options()
    document = published.document
    experiment = find_in_force(compile_experiment(document, published.version), now)
    periods = list_periods(experiment, read_publications(history))
    shares = _make_shares([variant.key for variant in experiment.document.variants], periods)
    analysis = options.analysis or document.analysis or AnalysisDocument()
    planned = document.model_copy(update={"analysis": analysis})
    control = find_control(planned)
    if control not in shares:
        raise ValueError(f"the control {control} gets no users: name another as analysis.control")
    metrics = list_metrics(planned, options.metrics)
    anchor = options.anchor or find_anchor(planned)
    return Design(
        experiment_key=document.key,
        experiment_id=experiment.id,
        iteration=experiment.iteration,
        version=published.version,
        shares=shares,
        control=control,
        anchor=anchor,
        metrics=metrics,
        left_out=frozenset({*experiment.document.overrides, *overridden}),
        since=options.since,
        until=options.until,
        alpha=analysis.alpha,
        power=analysis.power,
        is_sequential=analysis.sequential,
        planned_users=analysis.planned_users,
        is_fixed_asked=options.is_fixed_asked,
        periods=_list_split_periods(periods) if len(periods) > 1 else (),
        unit=find_unit(experiment.document, anchor),
    )


def list_metrics(
    experiment: ExperimentDocument, from_file: Mapping[str, MetricDocument]
) -> list[PlannedMetric]:
    """In the order of their roles. A metric of a file that the plan does not name is secondary.

    Without a plan and a file: what the counted types of events allow, as secondary metrics.
    """
    analysis = experiment.analysis or AnalysisDocument()
    known = {metric.key: metric for metric in analysis.metrics} | dict(from_file)
    margins = {guardrail.metric: guardrail.margin for guardrail in analysis.guardrails}
    named = [key for key in analysis.list_metric_keys() if key in (from_file or known)]
    planned = [
        PlannedMetric(
            known[key],
            "primary" if key in analysis.primary else "guardrail" if key in margins else "secondary",
            margins.get(key),
        )
        for key in named
    ]
    others = [metric for key, metric in from_file.items() if key not in named]
    if not named and not others:
        others = make_default_metrics(experiment)
    return [*planned, *(PlannedMetric(metric, "secondary") for metric in others)]


def make_default_metrics(experiment: ExperimentDocument) -> list[MetricDocument]:
    """For each counted type of event but exposures: who has any, and the sum of the values."""
    metrics: dict[str, MetricDocument] = {}
    for event_type in sorted({*experiment.metrics} - {EXPOSURE}):
        for aggregate, suffix in (("conversion", "users"), ("sum", "sum")):
            stem = _NO_KEY.sub("-", event_type)[:100].strip("-") or "event"
            key = f"{stem}-{suffix}"
            number = 1
            while key in metrics:
                number += 1
                key = f"{stem}-{number}-{suffix}"
            name = f"{event_type}: {'users with any' if suffix == 'users' else 'sum of values'}"
            fields = {"key": key, "name": name, "event": event_type, "aggregate": aggregate}
            metrics[key] = MetricDocument.model_validate(fields)
    return list(metrics.values())


def _make_shares(variants: Sequence[str], periods: Sequence[Period]) -> dict[str, float]:
    """Of the period in force; 0 for a variant that had users only before. In the order of the definition."""
    current = _get_period_shares(periods[-1])
    earlier = {name for period in periods for name in _get_period_shares(period)}
    ordered = [*variants, *sorted(earlier - {*variants})]
    return {name: current.get(name, 0.0) for name in ordered if name in earlier}


def _get_period_shares(period: Period) -> dict[str, float]:
    shares: dict[str, float] = {}
    for lower, upper, variant in period.ranges:
        shares[variant] = shares.get(variant, 0.0) + (upper - lower) / 2**64
    return shares


def _list_split_periods(periods: Sequence[Period]) -> tuple[SplitPeriod, ...]:
    return tuple(SplitPeriod(period.start, _get_period_shares(period)) for period in periods)
