"""Definitions as one checked set. Every problem names its place and path."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from types import NoneType
from typing import Any

from chalicelib.domain.definitions import consistency
from chalicelib.domain.definitions.field_types import MAX_DEFINITION_BYTES
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput, Problem
from chalicelib.domain.publishing.documents import DefinitionName, Document, build_row, parse_document
from chalicelib.domain.publishing.lint.analysis import lint_metric
from chalicelib.domain.publishing.lint.document import lint_document
from chalicelib.domain.publishing.lint.sets import lint_set
from chalicelib.domain.publishing.metrics import CatalogueMetric, freeze_metrics, parse_metric
from chalicelib.domain.publishing.sources import MetricSource, Source


@dataclass(slots=True)
class DefinitionSet:
    """Definitions that are published together, with everything that is wrong with them."""

    documents: dict[DefinitionName, Document] = field(default_factory=dict)
    locations: dict[DefinitionName, str] = field(default_factory=dict)  # where each stands
    sources: dict[DefinitionName, Source] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    metrics: dict[str, CatalogueMetric] = field(default_factory=dict)

    @property
    def experiments(self) -> list[ExperimentDocument]:
        return [document for document in self.documents.values() if isinstance(document, ExperimentDocument)]

    @property
    def flags(self) -> list[FlagDocument]:
        return [document for document in self.documents.values() if isinstance(document, FlagDocument)]

    def locate(self, name: DefinitionName) -> str:
        """The place and key of a definition, for messages."""
        kind, key = name
        return f"{self.locations[name]} ({key})" if name in self.locations else f"published {kind} {key}"

    def freeze_metrics(self, published: Mapping[DefinitionName, Document]) -> None:
        """Write the metrics that each analysis names into it, or to ``problems`` that there is none."""
        for name, document in self.documents.items():
            if isinstance(document, ExperimentDocument) and document.analysis is not None:
                frozen, problems = freeze_metrics(document, self.metrics, published.get(name))
                problems += _check_size(frozen)
                self.problems += [problem.with_prefix(self.locate(name)) for problem in problems]
                self.documents[name] = frozen

    def add_metric(self, source: MetricSource) -> None:
        """Add a metric of the catalogue, or what is wrong with it to ``problems``."""
        label = _label(source)
        problems = _check_json(source, label)
        if problems:
            self.problems += problems
            return
        metric = parse_metric(source.data)
        if isinstance(metric, list):
            self.problems += [problem.with_prefix(label) for problem in metric]
            return
        first = self.metrics.setdefault(metric.key, CatalogueMetric(metric, source))
        if first.source is not source:
            message = f"{metric.key!r} is already defined in {first.source.location}"
            self.problems.append(Problem(f"{source.location}.key", message))

    def add(self, source: Source) -> None:
        """Add the definition of ``source``, or what is wrong with it to ``problems``."""
        kind, data, location = source.kind, source.data, source.location
        label = _label(source)
        problems = _check_json(source, label)
        if problems:
            self.problems += problems
            return
        try:
            document = parse_document(kind, data)
            too_large = _check_size(document)
        except UnicodeEncodeError:
            self.problems.append(Problem(location, "contains a lone surrogate, which is not valid text"))
            return
        except InvalidInput as error:
            self.problems += [problem.with_prefix(label) for problem in error.details]
            return
        label = f"{location} ({document.key})"
        mistakes = [*consistency.check_document(document), *too_large]
        self.problems += [problem.with_prefix(label) for problem in mistakes]
        first = self.locations.setdefault((kind, document.key), location)
        if first == location:
            self.documents[kind, document.key] = document
            self.sources[kind, document.key] = source
        else:
            message = f"{document.key!r} is already defined in {first}"
            self.problems.append(Problem(f"{location}.key", message))

    def find_conflicts(self, documents: Mapping[DefinitionName, Document]) -> list[Problem]:
        """What is wrong between ``documents``, with the place of those that are in this set."""
        conflicts = consistency.check_set(documents.values())
        return [problem.with_prefix(self.locate(name)) for name, problem in conflicts]

    def find_warnings(self) -> list[Problem]:
        """About definitions that are valid, but probably do not do what their author meant."""
        of_each = [
            (name, problem)
            for name, document in self.documents.items()
            for problem in lint_document(name, document, self.sources[name])
        ]
        of_metrics = [
            problem.with_prefix(each.locate())
            for each in self.metrics.values()
            for problem in lint_metric(each.source)
        ]
        of_set = [] if self.problems else lint_set(self.documents)
        of_definitions = [problem.with_prefix(self.locate(name)) for name, problem in (*of_each, *of_set)]
        return [*of_definitions, *of_metrics]


def _label(source: Source | MetricSource) -> str:
    """The place in the file, with the key if it has one."""
    key = source.data.get("key") if isinstance(source.data, dict) else None
    return f"{source.location} ({key})" if isinstance(key, str) else source.location


def _check_json(source: Source | MetricSource, label: str) -> list[Problem]:
    try:
        return [problem.with_prefix(label) for problem in _find_non_json(source.data, "")]
    except RecursionError:
        return [Problem(label, "is nested too deeply, or contains itself")]


def _check_size(document: Document) -> list[Problem]:
    size = len(build_row(document).text.encode())
    if size <= MAX_DEFINITION_BYTES:
        return []
    limit = f"{MAX_DEFINITION_BYTES} are allowed; name users by a targeting rule"
    return [Problem("", f"has {size} bytes as JSON, {limit}")]


def _find_non_json(data: Any, path: str) -> Iterator[Problem]:
    """YAML values that JSON does not have: the table could not hold them as they are."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str):
                yield from _find_non_json(value, f"{path}.{key}" if path else key)
            else:
                yield Problem(path, f"the field name {key!r} must be text: quote it")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _find_non_json(value, f"{path}[{index}]")
    elif isinstance(data, float) and not isfinite(data):
        yield Problem(path, f"must be a finite number, not {data}")
    elif type(data) not in (str, int, float, bool, NoneType):
        yield Problem(path, f"must be a JSON value, not a {type(data).__name__}")
