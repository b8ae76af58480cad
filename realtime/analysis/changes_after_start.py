"""What was changed of an analysis after its first user: sentences for `changed_after_start`. Pure."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.publishing.diff import Difference
from chalicelib.domain.publishing.documents import parse_row
from chalicelib.domain.publishing.plan_changes import MAX_NAMED, compare_plans, find_anchor
from chalicelib.domain.timestamps import parse_timestamp
from realtime.analysis.design import Options, PublishedExperiment

_MAX_VALUE = 60
"""Characters of a value that is shown; `history` has all of it."""


def list_changes_after_start(
    published: PublishedExperiment,
    history: Sequence[DefinitionRow],
    first_anchor: float | None,
    options: Options | None = None,
) -> list[str]:
    """A sentence, without its full stop, for each thing that differs from the plan at the first user.

    ``history`` is newest first, ``first_anchor`` in epoch seconds (None: nobody yet). If the first user is
    older than the first version, as after a replay, that version is the plan.
    """
    document = published.document
    sentences = [] if first_anchor is None else list(_describe_versions(document, history, first_anchor))
    return [*sentences, *_describe_options(document, options or Options())]


def _describe_versions(
    document: ExperimentDocument, history: Sequence[DefinitionRow], first_anchor: float
) -> Iterator[str]:
    versions = _list_versions(document, history)
    in_force = [index for index, (row, _) in enumerate(versions) if _get_time(row) <= first_anchor]
    relevant = versions[in_force[-1] if in_force else 0 :]
    for (_, before), (row, after) in pairwise(relevant):
        when = f"in version {row.version} ({row.published_at[:16]}Z)"
        if before.analysis is None and after.analysis is not None:
            yield f"the analysis was added {when}"
        elif before.analysis is not None and after.analysis is None:
            yield f"the analysis was removed {when}"
        else:
            yield from (f"{text} {when}" for text in _describe(compare_plans(before, after)))


def _list_versions(
    document: ExperimentDocument, history: Sequence[DefinitionRow]
) -> list[tuple[DefinitionRow, ExperimentDocument]]:
    """Of the same id and iteration, oldest first."""
    wanted = document.id or document.key, document.iteration
    versions = []
    for row in reversed(history):
        each = parse_row(row) if row.text else None
        if isinstance(each, ExperimentDocument) and (each.id or each.key, each.iteration) == wanted:
            versions.append((row, each))
    return versions


def _describe(differences: Sequence[Difference]) -> Iterator[str]:
    for path, before, after in differences[:MAX_NAMED]:
        if before == "absent":
            yield f"{path} was added"
        elif after == "absent":
            yield f"{path} was removed"
        else:
            yield f"{path} was changed from {_shorten(before)} to {_shorten(after)}"
    if len(differences) > MAX_NAMED:
        yield f"{len(differences) - MAX_NAMED} more fields were changed"


def _describe_options(document: ExperimentDocument, options: Options) -> Iterator[str]:
    """What this call asks otherwise than a plan that was published."""
    if document.analysis is None:
        return
    if options.anchor not in (None, find_anchor(document)):
        yield f"this analysis has the anchor {options.anchor}, where {find_anchor(document)} was planned"
    frozen = {metric.key: metric for metric in document.analysis.metrics}
    others = [key for key, metric in options.metrics.items() if frozen.get(key, metric) != metric]
    if others:
        yield f"this analysis measures otherwise than planned: {', '.join(others)}"
    left_out = [key for key in frozen if options.metrics and key not in options.metrics]
    if left_out:
        yield f"this analysis leaves out planned metrics: {', '.join(left_out)}"
    if options.analysis is not None:
        planned = document.model_copy(update={"analysis": options.analysis})
        yield from (f"by its file, {text}" for text in _describe(compare_plans(document, planned)))


def _get_time(row: DefinitionRow) -> float:
    return parse_timestamp(row.published_at)


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"
