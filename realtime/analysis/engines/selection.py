"""What of the archive a statement reads: the lines that matter to a design, and the fields of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR, MeasureDocument, MetricDocument
from realtime.analysis.engines.conditions import list_properties
from realtime.analysis.engines.literals import MICROSECONDS
from realtime.analysis.engines.slots import find_longest_pre_period, list_event_types
from realtime.analysis.model import Design

ASSIGNMENT_PROPERTIES = ("experiment_id", "iteration", "variant")


@dataclass(frozen=True, slots=True)
class Selection:
    """``properties`` become two columns each, for events of the types that need them. ``measured`` are those
    that metrics need. ``since`` and ``until`` are in microseconds, half-open.
    """

    design: Design
    event_types: Sequence[str]
    properties: Sequence[str]
    by: str | None = None
    since: int | None = None
    until: int | None = None
    types_of_properties: Mapping[str, Sequence[str]] = field(default_factory=dict)
    measured: Sequence[str] = ()
    has_rates: bool = False

    @property
    def is_anchored_by_assignment(self) -> bool:
        return self.design.anchor == ASSIGNMENT_ANCHOR and not self.design.is_baseline


def select(design: Design, metrics: Iterable[MetricDocument], by: str | None = None) -> Selection:
    metrics = list(metrics)
    measures = [measure for metric in metrics for measure in metric.list_measures()]
    measured = list_properties(measures)
    names = [*measured]
    if design.anchor == ASSIGNMENT_ANCHOR and not design.is_baseline:
        names += ASSIGNMENT_PROPERTIES
    if by is not None:
        names.append(by)
    since = None
    if design.since is not None:
        since = round(design.since * MICROSECONDS) - find_longest_pre_period(metrics)
    names = list(dict.fromkeys(names))
    return Selection(
        design,
        sorted({design.anchor, *list_event_types(metrics)}),
        names,
        by,
        since,
        None if design.until is None else round(design.until * MICROSECONDS),
        {name: _list_types(design, measures, name, by) for name in names},
        measured,
        any(measure.rates for measure in measures),
    )


def _list_types(design: Design, measures: Iterable[MeasureDocument], name: str, by: str | None) -> list[str]:
    types = {measure.event for measure in measures if name in measure.where}
    if name == by or name in ASSIGNMENT_PROPERTIES:
        types.add(design.anchor)
    return sorted(types)
