"""Warnings about valid definitions that probably do not do what their author meant."""

from collections.abc import Iterator

from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument, SegmentDocument
from chalicelib.domain.errors import Problem
from chalicelib.domain.event_types import EXPOSURE
from chalicelib.domain.publishing.documents import DefinitionName, Document
from chalicelib.domain.publishing.lint.analysis import lint_analysis
from chalicelib.domain.publishing.lint.numbers import find_changed_numbers, find_small_percentages
from chalicelib.domain.publishing.lint.rules import lint_written_rules
from chalicelib.domain.publishing.lint.unknown_fields import find_unknown_fields
from chalicelib.domain.publishing.sources import Source
from chalicelib.domain.targeting import parse
from chalicelib.domain.targeting.lint.rules import lint_rules
from chalicelib.domain.targeting.lint.units import lint_units


def lint_document(name: DefinitionName, document: Document, source: Source) -> Iterator[Problem]:
    yield from find_small_percentages(source.data)
    yield from find_changed_numbers(source.data, source.written)
    if isinstance(document, ExperimentDocument):
        yield from _lint_metrics(document)
        yield from lint_analysis(document, source)
    yield from lint_written_rules(document)
    if not isinstance(document, SegmentDocument) and document.targeting_rules is not None:
        rules = parse(document.targeting_rules)
        bucket_by = document.bucket_by if isinstance(document, FlagDocument) else "user_id"
        for problem in (
            *lint_rules(rules),
            *lint_units(rules, bucket_by),
            *find_unknown_fields(document.targeting_rules, name[0]),
        ):
            yield problem.with_prefix("targeting_rules")


def _lint_metrics(experiment: ExperimentDocument) -> Iterator[Problem]:
    if experiment.status == "active" and not {*experiment.metrics} - {EXPOSURE}:
        message = "names no conversion, so an event counts only if it names the experiment: list event types"
        yield Problem("metrics", message)
