"""Asks an engine what a design needs, and draws the conclusions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.event_types import ASSIGNED
from realtime.analysis.inference import analyze
from realtime.analysis.model import Analysis, ArchiveError, Census, Design, Engine, EventCounts
from realtime.analysis.units import describe_unit

Counted = Mapping[str, Mapping[str, int]]
"""Events by type and variant; ``$assigned`` are users."""
FindChanges = Callable[[float | None], Sequence[str]]
"""What was changed after this moment, the first user's; a sentence each."""


def answer(
    engine: Engine,
    design: Design,
    now: float,
    *,
    find_changes: FindChanges,
    counted: Counted | None = None,
    by: str | None = None,
) -> Analysis:
    """``counted``: what the counters have; None where the design takes only some of the users.

    Raises ArchiveError.
    """
    census = engine.read_census(design)
    if census.nameless and not any(each.users for each in census.users):
        raise ArchiveError(
            f"no {design.anchor} has the property {describe_unit(design.unit)}, by which the experiment"
            " divides: send it with every event"
        )
    metrics = [planned.metric for planned in design.metrics]
    moments = engine.read_moments(design, metrics)
    return analyze(
        design,
        census,
        moments,
        now,
        engine=engine.name,
        counts=None if counted is None else _read_counts(engine, design, census, counted),
        changes=find_changes(census.first_anchor),
        segments=engine.read_moments(design, metrics, by) if by is not None else (),
        by=by,
    )


def list_counted(results: Mapping[str, Any]) -> Counted:
    """Of what `chalicelib.domain.results` computes from the counters."""
    counted: dict[str, dict[str, int]] = {ASSIGNED: {}}
    for variant, numbers in results["variants"].items():
        counted[ASSIGNED][variant] = numbers["assigned"]
        for event_type, event in numbers["events"].items():
            counted.setdefault(event_type, {})[variant] = event["count"]
    return counted


def _read_counts(engine: Engine, design: Design, census: Census, counted: Counted) -> EventCounts:
    """Every assigned user must be in the archive, whatever the anchor is, and every counted event that the
    analysis reads. Assignments do not say of which account they are, so only users are compared.
    """
    archive = dict(engine.read_counts(design))
    if not design.unit:
        is_same = design.anchor == ASSIGNMENT_ANCHOR
        everybody = replace(design, anchor=ASSIGNMENT_ANCHOR, metrics=())
        found = census if is_same else engine.read_census(everybody)
        archive[ASSIGNED] = {each.variant: each.users for each in found.users}
    return EventCounts(counted, archive)
