"""The metrics and the plan of a file, for `--metrics`: questions that nobody has published."""

from pathlib import Path
from typing import NamedTuple

from chalicelib.domain.definitions.analysis_schema import AnalysisDocument, MetricDocument
from realtime.definition_files.read import read_definitions


class MetricFile(NamedTuple):
    """``analysis``: that of the experiment, if the file has it."""

    metrics: dict[str, MetricDocument]
    analysis: AnalysisDocument | None


def read_metric_file(path: Path, experiment_key: str) -> MetricFile:
    """Raises ValueError with all that is wrong."""
    definitions = read_definitions([path])
    definitions.freeze_metrics({})
    if definitions.problems:
        raise ValueError("; ".join(map(str, definitions.problems)))
    metrics = {key: each.metric for key, each in definitions.metrics.items()}
    analyses = [each.analysis for each in definitions.experiments if each.key == experiment_key]
    analysis = analyses[0] if analyses else None
    if not metrics and analysis is None:
        raise ValueError(f"{path}: has neither metrics: [...] nor the analysis of {experiment_key}")
    return MetricFile(metrics, analysis)
