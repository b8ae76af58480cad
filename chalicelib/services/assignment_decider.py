"""Decides for one user, by the definition in force and the stored row, if that is needed.

`Assigner` stores what comes out.
"""

from collections.abc import Callable, Collection

from chalicelib.domain.assignment import AssignmentResult, Assignments, decide, find_unit, is_ahead
from chalicelib.domain.definitions.model import Assignment, Decision, Experiment, Flag, Segment, find_in_force
from chalicelib.domain.errors import NotFound, StorageUnavailable, Throttled
from chalicelib.domain.general_form.state import EvaluationTime
from chalicelib.domain.reasons import Reason
from chalicelib.services.assignment_cache import AssignmentCache
from chalicelib.services.assignment_outcome import Attributes, conclude, may_need_row
from chalicelib.services.assignment_writer import UnstoredDecision
from chalicelib.services.definitions.segments import find_by_key
from chalicelib.services.definitions.sources import DefinitionSource
from chalicelib.services.linked_users import Lookup, ReadRow


class AssignmentDecider:
    """``segments`` and ``flags`` are for conditions of experiments.

    ``apply_overrides`` adds the platform's overrides to an experiment; None stand-alone.
    """

    def __init__(
        self,
        experiments: DefinitionSource[Experiment],
        segments: DefinitionSource[Segment],
        flags: DefinitionSource[Flag],
        apply_overrides: Callable[[Experiment], Experiment] | None,
        assignments: Assignments,
        cache: AssignmentCache,
    ) -> None:
        self._experiments = experiments
        self._find_segment = find_by_key(segments)
        self._find_flag = flags.get
        self._apply_overrides = apply_overrides
        self._assignments = assignments
        self._cache = cache

    def find_in_force(self, experiment: Experiment, now: float) -> Experiment:
        """With its scheduled changes, and the platform's overrides."""
        experiment = find_in_force(experiment, now)
        return self._apply_overrides(experiment) if self._apply_overrides else experiment

    def decide(
        self,
        experiment: Experiment,
        user_id: str,
        attributes: Attributes,
        now: float,
        read_row: ReadRow,
        time: EvaluationTime,
    ) -> AssignmentResult | UnstoredDecision:
        row: Assignment | None = None
        is_unread = False
        unit = find_unit(experiment, user_id, attributes)

        def get_row() -> Assignment | None:
            nonlocal row, is_unread
            if unit is None:
                is_unread = True
                return None
            row = self._cache.get(experiment, unit)
            if row is None:
                try:
                    row = read_row(experiment, unit)
                except (StorageUnavailable, Throttled):
                    if experiment.is_sticky:
                        raise
                    is_unread = True  # the hash alone decides, also at the next request
                if row is not None:
                    self._cache.put(experiment, unit, row)
            return row

        decision = self._ask(experiment, user_id, attributes, now, get_row, time)
        if row is not None and decision.reason is not Reason.STICKY and is_ahead(row, experiment):
            return self.decide_again(experiment.key, user_id, attributes, now, row, time)
        return conclude(experiment, user_id, unit, decision, row, now, is_unread=is_unread)

    def decide_again(
        self,
        experiment_key: str,
        user_id: str,
        attributes: Attributes,
        now: float,
        row: Assignment,
        time: EvaluationTime,
    ) -> AssignmentResult | UnstoredDecision:
        """By the newest definition, which made ``row`` and which this container has not loaded yet."""
        experiment = self._experiments.refresh(experiment_key)
        if experiment is None:
            raise NotFound.experiment(experiment_key)
        experiment = self.find_in_force(experiment, now)
        unit = find_unit(experiment, user_id, attributes)
        decision = self._ask(experiment, user_id, attributes, now, lambda: row, time)
        return conclude(experiment, user_id, unit, decision, row, now, is_newest=True)

    def read_ahead(
        self,
        experiments: Collection[Experiment],
        user_id: str,
        attributes: Attributes,
        now: float,
        lookup: Lookup,
    ) -> ReadRow:
        """Reads the rows that decisions may need, in one go. The returned function raises if that failed."""
        pairs = [
            (experiment.id, unit)
            for experiment in experiments
            if (unit := find_unit(experiment, user_id, attributes)) is not None
            and (experiment.id, unit) not in lookup.read
            and not self._cache.get(experiment, unit)
            and may_need_row(experiment, user_id, attributes, now)
        ]
        try:
            is_readable = pairs and lookup.error is None
            rows = self._assignments.get_many(pairs, consistent=False) if is_readable else {}
        except (StorageUnavailable, Throttled) as error:
            failure = error

            def fail(_experiment: Experiment, _unit: str) -> Assignment | None:
                raise failure

            return fail
        return lookup.before(lambda experiment, unit: rows.get((experiment.id, unit)))

    def _ask(
        self,
        experiment: Experiment,
        user_id: str,
        attributes: Attributes,
        now: float,
        get_row: Callable[[], Assignment | None],
        time: EvaluationTime,
    ) -> Decision:
        find_segment, find_flag = self._find_segment, self._find_flag
        return decide(experiment, user_id, attributes, now, get_row, find_segment, find_flag, time)
