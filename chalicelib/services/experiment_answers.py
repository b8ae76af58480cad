"""What experiments answer to the flags that serve them, for one user and many flags."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.definitions.model import MAX_BATCH, Evaluation
from chalicelib.domain.errors import InvalidInput, NotFound, RealtimeError
from chalicelib.domain.evaluation import make_experiment_answer
from chalicelib.domain.general_form.state import EvaluationTime, Stop

AssignmentResults = Mapping[str, AssignmentResult | RealtimeError]


class ExperimentAssigner(Protocol):
    """Assigns users to the experiments that flags serve."""

    def assign(
        self,
        user_id: str,
        experiment_key: str,
        context: dict[str, Any],
        now: float,
        time: EvaluationTime,
    ) -> AssignmentResult: ...

    def assign_many(
        self,
        user_id: str,
        experiment_keys: Collection[str] | None,
        context: dict[str, Any],
        now: float,
        *,
        time: EvaluationTime,
    ) -> AssignmentResults: ...


class NotAssignedYet(Exception):
    """The flag serves an experiment to which the user is not assigned yet."""


class ExperimentAnswers:
    """Of one user, for many flags. ``used`` are the assignments that were an answer, by experiment."""

    def __init__(
        self,
        assigner: ExperimentAssigner | None,
        user_id: str | None,
        context: dict[str, Any],
        now: float,
        time: EvaluationTime,
    ) -> None:
        self._assigner = assigner
        self._user_id = user_id
        self._context = context
        self._now = now
        self._time = time
        self._results: dict[str, AssignmentResult | RealtimeError] = {}
        self._needed: set[str] = set()
        self.used: dict[str, AssignmentResult] = {}

    def get(self, key: str) -> Evaluation | None:
        """None if the experiment excludes the user. Raises NotAssignedYet, and what failed."""
        if self._user_id is None:
            raise InvalidInput.missing_unit("flag", "user")
        if self._assigner is None:
            raise Stop
        result = self._results.get(key)
        if result is None:
            if len(self._results) + len(self._needed) >= MAX_BATCH and key not in self._needed:
                message = f"The flags serve more than {MAX_BATCH:,} experiments; ask for fewer by flag_keys."
                raise RealtimeError("too_many_experiments", message)
            self._needed.add(key)
            raise NotAssignedYet
        if isinstance(result, NotFound):  # as in a single evaluation
            raise Stop
        if isinstance(result, RealtimeError):
            raise result
        self.used[key] = result
        return make_experiment_answer(result.decision, result.experiment.version)

    def assign_needed(self) -> None:
        """In one go."""
        if self._assigner is not None and self._user_id is not None:
            needed, self._needed = self._needed, set()
            self._results |= self._assigner.assign_many(
                self._user_id, needed, self._context, self._now, time=self._time
            )
