"""Asks an engine what a design needs, and draws the conclusions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.event_types import ASSIGNED
from realtime.analysis.inference import analyze
from realtime.analysis.model import Analysis, Census, Design, Engine, EventCounts

FindChanges = Callable[[float | None], Sequence[str]]
"""What was changed after this moment, the first user's; a sentence each."""


def answer(
    engine: Engine,
    design: Design,
    now: float,
    *,
    find_changes: FindChanges,
    assigned: Mapping[str, int] | None = None,
    by: str | None = None,
) -> Analysis:
    """``assigned``: users of each variant by the counters; None where the design takes only some of them.

    Raises ArchiveError.
    """
    census = engine.read_census(design)
    metrics = [planned.metric for planned in design.metrics]
    moments = engine.read_moments(design, metrics)
    return analyze(
        design,
        census,
        moments,
        now,
        engine=engine.name,
        counts=None if assigned is None else _count_assigned(engine, design, census, assigned),
        changes=find_changes(census.first_anchor),
        segments=engine.read_moments(design, metrics, by) if by is not None else (),
        by=by,
    )


def list_assigned(results: Mapping[str, Any]) -> dict[str, int]:
    """Of what `chalicelib.domain.results` computes from the counters."""
    return {variant: counted["assigned"] for variant, counted in results["variants"].items()}


def _count_assigned(
    engine: Engine, design: Design, census: Census, assigned: Mapping[str, int]
) -> EventCounts:
    """Every assigned user must be in the archive, whatever the anchor is."""
    is_same = design.anchor == ASSIGNMENT_ANCHOR
    everybody = replace(design, anchor=ASSIGNMENT_ANCHOR, metrics=())
    found = census if is_same else engine.read_census(everybody)
    return EventCounts({ASSIGNED: assigned}, {ASSIGNED: {each.variant: each.users for each in found.users}})
