"""Warnings about an experiment's analysis, and about metrics, that are valid but cannot answer."""

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.definitions.analysis_schema import (
    ASSIGNMENT_ANCHOR,
    AnalysisDocument,
    read_duration,
)
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.lint.numbers import find_changed_numbers
from chalicelib.domain.publishing.sources import MetricSource, Source


def lint_analysis(experiment: ExperimentDocument, source: Source) -> Iterator[Problem]:
    analysis = experiment.analysis
    if analysis is None:
        return
    yield from _find_uncounted(experiment, analysis)
    yield from _find_without_role(analysis, source.data["analysis"])
    yield from _find_long_windows(experiment, analysis)
    if len(experiment.variants) == 1:
        yield Problem("analysis", "the experiment has one variant, so nothing can be compared")
    if analysis.planned_users and not analysis.primary:
        yield Problem("analysis.planned_users", "is for primary metrics, and there are none: name one")
    if not analysis.sequential and not analysis.planned_users:
        message = "is false, so there is an answer only when planned_users is reached: write planned_users"
        yield Problem("analysis.sequential", message)


def lint_metric(source: MetricSource) -> Iterator[Problem]:
    """Numbers in ``where`` are compared with what events have, so that 1.10 must not become 1.1."""
    for name, value in source.data.items():
        written = source.written[name]
        inner = value if isinstance(value, dict) and name in ("numerator", "denominator") else {name: value}
        inner_written = written if inner is value else {name: written}
        for field, each in inner.items():
            path = f"{name}.{field}" if inner is value else field
            yield from find_changed_numbers(each, inner_written[field], path, is_compared=field == "where")


def _find_uncounted(experiment: ExperimentDocument, analysis: AnalysisDocument) -> Iterator[Problem]:
    measured = {
        measure.event: metric.key for metric in analysis.metrics for measure in metric.list_measures()
    }
    if analysis.anchor not in (None, ASSIGNMENT_ANCHOR):
        measured[str(analysis.anchor)] = "anchor"
    for event_type, user in measured.items():
        if event_type not in experiment.metrics:
            yield Problem(
                "metrics",
                f"does not count {event_type}, which the analysis needs ({user}): "
                "results cannot show it, and analyze cannot tell whether the archive has all of it",
            )


def _find_without_role(analysis: AnalysisDocument, data: dict[str, Any]) -> Iterator[Problem]:
    named = analysis.list_metric_keys()
    for index, metric in enumerate(data.get("metrics", ())):
        if metric["key"] not in named:
            message = f"{metric['key']} has no role and is left out: name it in primary or secondary"
            yield Problem(f"analysis.metrics[{index}]", message)


def _find_long_windows(experiment: ExperimentDocument, analysis: AnalysisDocument) -> Iterator[Problem]:
    if experiment.start_at is None or experiment.end_at is None:
        return
    seconds = (experiment.end_at - experiment.start_at).total_seconds()
    for metric in analysis.metrics:
        if metric.window is not None and read_duration(metric.window) > seconds:
            message = f"the window of {metric.key} ({metric.window}) is longer than the experiment"
            yield Problem("analysis.metrics", f"{message}: at its end no user is complete")
