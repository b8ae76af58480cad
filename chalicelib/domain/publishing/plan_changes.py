"""What of an experiment's analysis differs between two of its versions: its metrics and its plan."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.event_types import EXPOSURE
from chalicelib.domain.publications import read_publications
from chalicelib.domain.publishing.diff import Difference, compare_values
from chalicelib.domain.publishing.documents import parse_row

_WORDS = ("name", "description", "owner")
"""Fields of a metric that say nothing about its numbers."""
MAX_NAMED = 5


def find_control(experiment: ExperimentDocument) -> str:
    """The first variant, unless the analysis names another."""
    named = experiment.analysis.control if experiment.analysis else None
    return named or experiment.variants[0].key


def find_anchor(experiment: ExperimentDocument) -> str:
    """Exposures, where they are counted, unless the analysis names another."""
    named = experiment.analysis.anchor if experiment.analysis else None
    return named or (EXPOSURE if EXPOSURE in experiment.metrics else ASSIGNMENT_ANCHOR)


def compare_plans(before: ExperimentDocument, after: ExperimentDocument) -> list[Difference]:
    """By their paths within ``analysis``, with defaults as they apply; none if neither has an analysis."""
    if before.analysis is None and after.analysis is None:
        return []
    return list(compare_values(_write_plan(before), _write_plan(after)))


def describe_plan_change(
    before: ExperimentDocument | None, after: ExperimentDocument, history: Sequence[DefinitionRow], now: float
) -> Iterator[str]:
    """A line for the publisher, if the analysis changes of an iteration that may have users already.

    ``history`` is newest first.
    """
    version = _find_first_active(after, history, now)
    differences = compare_plans(before, after) if before and version is not None else []
    if differences:
        yield (
            f"iteration {after.iteration} may have users since version {version}, and its analysis changes: "
            f"{list_paths(differences)}; `analyze` will say so"
        )


def is_plan_missing(experiment: ExperimentDocument) -> bool:
    """It will be decided by primary metrics, and nobody has said how many users that needs."""
    analysis = experiment.analysis
    is_planned = analysis is None or not analysis.primary or analysis.planned_users
    return not is_planned and experiment.status != "completed"


def list_paths(differences: Sequence[Difference]) -> str:
    paths = list(dict.fromkeys(difference.path for difference in differences))
    more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
    return ", ".join(paths[:MAX_NAMED]) + more


def _write_plan(experiment: ExperimentDocument) -> dict[str, Any]:
    """Metrics and guardrails by their keys, so that their order does not count."""
    if experiment.analysis is None:
        return {}
    plan = experiment.analysis.model_dump(mode="json")
    plan["metrics"] = {
        metric["key"]: {name: value for name, value in metric.items() if name not in _WORDS}
        for metric in plan["metrics"]
    }
    plan["guardrails"] = {each["metric"]: {"margin": each["margin"]} for each in plan["guardrails"]}
    for role in ("primary", "secondary"):
        plan[role] = sorted(plan[role])
    return plan | {"control": find_control(experiment), "anchor": find_anchor(experiment)}


def _find_first_active(after: ExperimentDocument, history: Sequence[DefinitionRow], now: float) -> int | None:
    """The first version of this iteration that could assign users before ``now``."""
    moment = datetime.fromtimestamp(now, UTC)
    rows = {row.version: row for row in history}
    for published_at, experiment in read_publications(history):
        is_same = (experiment.id, experiment.iteration) == (after.id or after.key, after.iteration)
        if not is_same or experiment.status != "active" or published_at > now:
            continue
        document = parse_row(rows[experiment.version])
        starts = document.start_at if isinstance(document, ExperimentDocument) else None
        if starts is None or starts <= moment:
            return experiment.version
    return None
