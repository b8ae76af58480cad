"""Which experiments an event counts for, and under which variant. Pure.

The event's own time decides: what was active then, and which assignment the user had then. Only a replay of
old history is decided by its arrival (docs/events.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from chalicelib.domain import heartbeat
from chalicelib.domain.assignment import find_unit
from chalicelib.domain.bucketing import is_key
from chalicelib.domain.definitions.model import Assignment, Experiment, Flag
from chalicelib.domain.event_types import EXPOSURE, OWN
from chalicelib.domain.identity import IDENTIFY
from chalicelib.domain.stream.counters import UNASSIGNED, flag_scope
from chalicelib.domain.stream.event import Event, Limits
from chalicelib.domain.stream.experiment_index import Match, Snapshot

AssignmentKey = tuple[str, str]
"""Experiment id, and the user or other unit that the row belongs to."""


SERVICE_TYPES = OWN | {EXPOSURE, IDENTIFY}
"""Event types that this service itself writes."""

NO_VARIANT = "$none"
"""Under which evaluations are counted that leave the value to the caller."""


Rule = Literal["", "assignment", "replay", "no_assignment", "before_assignment", "not_active"]
"""Why an event counts for its variant, or for none: docs/events.md has the list. Empty for a flag."""


class Attribution(NamedTuple):
    """``counted_as``: the event type, if the event counts under another one than its own."""

    experiment_id: str  # or the scope of a flag
    iteration: int
    variant: str
    rule: Rule = ""
    counted_as: str = ""


def find_deciding_times(events: Sequence[Event], limits: Limits) -> list[float]:
    """Of each event its own time, or its arrival if it is the replay of an old history. Epoch seconds."""
    oldest = limits.replay_age
    return [
        event.received_at
        if event.received_at - event.timestamp > oldest and not event.is_backfill
        else event.timestamp
        for event in events
    ]


def find_matches(event: Event, snapshot: Snapshot) -> tuple[Match, ...]:
    """The experiments that ``event`` counts for: the one that it names, or all that were active then and
    count its type. The heartbeat counts for none."""
    if event.experiment_key is None:
        if event.data.get("flag_key") == heartbeat.FLAG:
            return ()
        return snapshot.by_type.get(event.type, ())
    match = snapshot.by_key.get(event.experiment_key)
    return () if match is None else (match,)


def is_named(event: Event, snapshot: Snapshot) -> bool:
    """Whether its type may have a counter: a definition names it, or this service writes it.

    Senders can make up any number of other types.
    """
    return event.type in snapshot.named_types or event.type in SERVICE_TYPES


def attribute_event(
    event: Event,
    matches: Iterable[Match],
    assignments: Mapping[AssignmentKey, Assignment],
    time: float,
    tolerance: float,
) -> tuple[Attribution, ...]:
    """``time`` is that of `find_deciding_times`; ``tolerance`` in seconds."""
    attributions = []
    rule: Rule
    for experiment, is_active in matches:
        if is_active:
            row, iteration = assignments.get(find_assignment_key(experiment, event)), experiment.iteration
            if (  # nearly always the row itself decides: then the search is not needed
                row is not None
                and row.since <= time
                and row.iteration == iteration
                and (row.expires_at is None or time < row.expires_at)
            ):
                variant, rule = row.variant, "assignment"
            else:
                variant, rule = _find_variant(row, iteration, time, tolerance)
            if rule == "assignment" and time != event.timestamp:
                rule = "replay"
        else:
            variant, rule = UNASSIGNED, "not_active"
        attributions.append(Attribution(experiment.id, experiment.iteration, variant, rule))
    return tuple(attributions)


def find_assignment_key(experiment: Experiment, event: Event) -> AssignmentKey:
    """A unit such as an account is read from the event's properties, as from the context of a request."""
    if experiment.get_unit is None:
        return experiment.id, event.user_id
    unit = find_unit(experiment, event.user_id, event.data.get("properties") or {})
    return experiment.id, event.user_id if unit is None else unit


def find_assignment(
    row: Assignment | None, iteration: int, time: float, tolerance: float
) -> Assignment | None:
    """The assignment to ``iteration`` that was in force at ``time``: the row's, or one that it replaced.

    ``tolerance`` applies only if none was: where a user was moved, the exact time decides.
    """
    rows = () if row is None else (row, *row.replaced)
    for early in (0.0, tolerance):
        for assignment in rows:
            if assignment.since - early <= time and assignment.iteration == iteration:
                if assignment.expires_at is None or time < assignment.expires_at:
                    return assignment
                break
    return None


def _find_variant(row: Assignment | None, iteration: int, time: float, tolerance: float) -> tuple[str, Rule]:
    assignment = find_assignment(row, iteration, time, tolerance)
    if assignment is not None:
        return assignment.variant, "assignment"
    if row is None:
        return UNASSIGNED, "no_assignment"
    assigned_at = [each.since for each in (row, *row.replaced) if each.iteration == iteration]
    return UNASSIGNED, "before_assignment" if time < max(assigned_at, default=time) else "no_assignment"


def attribute_evaluation(event: Event, flags: Mapping[str, Flag]) -> tuple[Attribution, ...]:
    """An evaluation counts for its flag, by variant. These counters show which flags are in use."""
    key = event.data.get("flag_key") or ""
    flag = flags.get(key) or heartbeat.find_flag(key)
    properties = event.data.get("properties") or {}
    variant = NO_VARIANT if properties.get("variant", "") is None else properties.get("variant")
    if flag is None or not isinstance(variant, str) or not _is_answer(flag, variant):
        return ()
    return (Attribution(flag_scope(flag.key), 1, variant),)


def _is_answer(flag: Flag, variant: str) -> bool:
    """By written rules a flag may serve the variant of another definition, or none."""
    is_written = flag.document.rules is not None
    return variant in flag.variants or (is_written and (variant == NO_VARIANT or bool(is_key(variant))))


def is_reusable(assignment: Assignment, experiment: Experiment, latest: float) -> bool:
    """Whether a cached assignment decides about events up to ``latest`` as the row in the table does.

    A row is replaced after it has expired, after its variant or its iteration is gone, and at any time if
    the experiment is not sticky. What it said about earlier times stays as it is.
    """
    return (
        experiment.is_sticky
        and assignment.variant in experiment.sticky
        and assignment.iteration == experiment.iteration
        and (assignment.expires_at is None or latest < assignment.expires_at)
    )
