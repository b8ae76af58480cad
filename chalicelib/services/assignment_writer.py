"""Writes each assignment once, even if containers race."""

from contextlib import suppress
from typing import NamedTuple

from chalicelib.domain.assignment import Assignments, is_ahead, is_valid, make_assignment_id
from chalicelib.domain.definitions.model import Assignment, Decision, Experiment
from chalicelib.domain.errors import StorageUnavailable, Throttled


class UnstoredDecision(NamedTuple):
    """A new assignment that is not stored yet.

    ``unit`` is what its row belongs to: the user, or for example an account. ``row`` is the row that the
    decision used. ``is_unread``: the table could not be read. ``is_newest``: the experiment was loaded for
    this decision.
    """

    experiment: Experiment
    user_id: str
    unit: str
    decision: Decision
    row: Assignment | None
    is_unread: bool
    is_newest: bool


class AssignmentWriter:
    """``ttl``: seconds after which an assignment expires."""

    def __init__(self, assignments: Assignments, ttl: float) -> None:
        self._assignments = assignments
        self._ttl = ttl

    def make_row(self, experiment: Experiment, unit: str, variant: str, timestamp: float) -> Assignment:
        return Assignment(
            variant=variant,
            assignment_id=make_assignment_id(experiment, unit),
            timestamp=round(timestamp, 3),
            iteration=experiment.iteration,
            expires_at=float(int(timestamp + self._ttl)),
            version=experiment.version,
        )

    def store(self, unstored: UnstoredDecision, now: float) -> tuple[Assignment, Assignment | None]:
        """The decision's row, and the row that is in the table then: None if the write failed."""
        experiment, _, unit, decision, used_row, is_unread, is_newest = unstored
        row = self.make_row(experiment, unit, str(decision.recorded or decision.variant), now)
        if not is_unread:
            with suppress(StorageUnavailable, Throttled):  # the answer says ``persisted: false``
                return row, self.write(experiment, unit, row, used_row, is_newest=is_newest)
        return row, None

    def write(
        self,
        experiment: Experiment,
        unit: str,
        row: Assignment,
        used_row: Assignment | None,
        *,
        is_newest: bool = False,
    ) -> Assignment:
        """Returns the row that is in the table then: ``row``, or another one that was there before.

        ``used_row`` is the row that the decision used. ``is_newest``: ``experiment`` was loaded for this
        decision, so a row with a higher version is a leftover: the definitions tables were set up again.
        Raises StorageUnavailable or Throttled.
        """
        stored = self._assignments.put(experiment, unit, row.replace_row(used_row), used_row)
        may_replace = is_newest or not is_ahead(stored, experiment)
        if may_replace and _is_replaceable(stored, experiment, row):
            stored = self._assignments.put(experiment, unit, row.replace_row(stored), stored)
        return stored


def _is_replaceable(stored: Assignment, experiment: Experiment, row: Assignment) -> bool:
    """Whether ``row`` may replace ``stored``, which caused the refusal of ``row``."""
    if not is_valid(stored, experiment, row.timestamp):
        return True
    is_older = stored.timestamp < row.timestamp
    return not experiment.is_sticky and stored.variant != row.variant and is_older
