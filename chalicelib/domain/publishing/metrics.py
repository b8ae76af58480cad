"""The catalogue of metrics in definition files, and what of it is frozen with an experiment.

A metric is published only as a part of the experiments whose ``analysis`` names it (docs/metrics.md).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from chalicelib.domain.definitions.analysis_schema import AnalysisDocument, MetricDocument
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.definitions.schema_errors import list_problems
from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.documents import DefinitionName, Document
from chalicelib.domain.publishing.sources import MetricSource
from chalicelib.domain.spelling import suggest


@dataclass(frozen=True, slots=True)
class CatalogueMetric:
    """A metric of a file; ``source`` says where it is."""

    metric: MetricDocument
    source: MetricSource

    def locate(self) -> str:
        return f"{self.source.location} ({self.metric.key})"


Catalogue = Mapping[str, CatalogueMetric]
"""By the metric's key."""


def parse_metric(data: object) -> MetricDocument | list[Problem]:
    """The metric, or what is wrong with it."""
    try:
        return MetricDocument.model_validate(data)
    except ValidationError as error:
        return list(list_problems(error, MetricDocument))


def freeze_metrics(
    experiment: ExperimentDocument, catalogue: Catalogue, published: Document | None
) -> tuple[ExperimentDocument, list[Problem]]:
    """``experiment`` with the metrics that its analysis names, in the order of their keys.

    What it writes itself counts first, then the catalogue, then what is frozen in the ``published`` version.
    """
    analysis = experiment.analysis
    if analysis is None:
        return experiment, []
    known = _list_frozen(published) | {key: each.metric for key, each in catalogue.items()}
    known |= _list_frozen(experiment)
    problems = [
        Problem(f"analysis.{path}", _describe_unknown(key, known))
        for path, key in analysis.list_named()
        if key not in known
    ]
    frozen = [known[key] for key in sorted(analysis.list_metric_keys()) if key in known]
    if problems or (not frozen and "metrics" not in analysis.model_fields_set):
        return experiment, problems
    return experiment.model_copy(update={"analysis": analysis.model_copy(update={"metrics": frozen})}), []


def find_unnamed(catalogue: Catalogue, documents: Mapping[DefinitionName, Document]) -> Iterator[Problem]:
    """Metrics of the catalogue that no analysis of ``documents`` names."""
    named = {key for analysis in list_analyses(documents) for key in analysis.list_metric_keys()}
    for key, each in catalogue.items():
        if key not in named:
            yield Problem(each.locate(), "no experiment of these files names it, so it is not published")


def list_analyses(documents: Mapping[DefinitionName, Document]) -> Iterator[AnalysisDocument]:
    for document in documents.values():
        if isinstance(document, ExperimentDocument) and document.analysis is not None:
            yield document.analysis


def _list_frozen(document: Document | None) -> dict[str, MetricDocument]:
    analysis = document.analysis if isinstance(document, ExperimentDocument) else None
    return {metric.key: metric for metric in analysis.metrics} if analysis else {}


def _describe_unknown(key: str, known: Mapping[str, MetricDocument]) -> str:
    hint = suggest(key, known) or "; add it to a list metrics"
    return f"{key!r} is a metric of no file, and not of the published version either{hint}"
