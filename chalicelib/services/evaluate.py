"""Evaluates one flag or many flags for a user."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.errors import InvalidInput, NotFound, RealtimeError
from chalicelib.domain.evaluation import Evaluations, evaluate, evaluate_all, make_state
from chalicelib.domain.general_form.state import State, Stop
from chalicelib.services.definitions.cache import DefinitionSource
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer

_log = logging.getLogger("realtime")
AssignmentResults = Mapping[str, AssignmentResult | RealtimeError]


class ExperimentAssigner(Protocol):
    """Assigns users to the experiments that flags serve."""

    def assign(
        self, user_id: str, experiment_key: str, context: dict[str, Any], now: float
    ) -> AssignmentResult: ...

    def assign_many(
        self, user_id: str, experiment_keys: Collection[str] | None, context: dict[str, Any], now: float
    ) -> AssignmentResults: ...


class ExposureRecorder(Protocol):
    def expose(self, result: AssignmentResult, context: Mapping[str, Any], now: float) -> None: ...


class FlagEvaluator:
    """Without a ``buffer`` nothing is tracked. Without an ``assigner`` no flag serves an experiment.

    ``user_id`` may be None, as OFREP allows: then only flags that need no unit have an answer, and nothing is
    tracked. ``only_client``: for a key of the scope ``flags:client``, to which other flags do not exist.
    Methods raise StorageUnavailable or Throttled if the flags were never loaded.
    """

    def __init__(
        self,
        flags: DefinitionSource[Flag],
        buffer: EvaluationBuffer | None,
        assigner: ExperimentAssigner | None = None,
        exposures: ExposureRecorder | None = None,
    ) -> None:
        self._flags = flags
        self._assigner = assigner
        self._exposures = exposures
        # Looked up once: to look them up for each request takes a third of the time of tracking.
        self._append = None if buffer is None else buffer.append
        self._next_number = None if buffer is None else buffer.next_number

    def evaluate(
        self,
        user_id: str | None,
        flag_key: str,
        context: dict[str, Any],
        now: float,
        *,
        keep_user_id: bool = False,
        only_client: bool = False,
    ) -> Evaluation:
        """An experiment that the flag serves counts the exposure.

        Raises NotFound for an unknown flag, InvalidInput or TooLarge for the user id and the context.
        """
        _check_input(user_id, context, keep_user_id)
        flag = self._flags.get(flag_key)
        if flag is None or (only_client and not flag.document.client_visible):
            raise NotFound.flag(flag_key)
        state: State | None = None
        if flag.definition.reads_state or flag.later:

            def assign(key: str) -> Evaluation | None:
                return self._assign(key, user_id, context, now)

            state = make_state(now, self._flags.get, assign)
        evaluation = evaluate(flag, user_id, context, now, self._flags.get, state)
        append, next_number = self._append, self._next_number
        if append is not None and next_number is not None and user_id is not None:
            append((next_number(), user_id, now, evaluation))
        return evaluation

    def evaluate_many(
        self,
        user_id: str | None,
        flag_keys: Collection[str] | None,
        context: dict[str, Any],
        now: float,
        *,
        keep_user_id: bool = False,
        only_client: bool = False,
        expose: bool = False,
    ) -> Evaluations:
        """In the order of ``flag_keys``; None asks for all flags. An error fails only its own flag.

        ``expose``: experiments that flags serve count an exposure.
        """
        _check_input(user_id, context, keep_user_id)
        flags = self._flags.get_all()
        unreadable = self._flags.get_unreadable()
        if only_client:
            flags = {key: flag for key, flag in flags.items() if flag.document.client_visible}
            unreadable = {}
        failures = dict(unreadable)
        requested: Iterable[Flag] = flags.values()
        if flag_keys is not None:
            requested, failures = _select(flags, flag_keys, unreadable)
        evaluations = self._evaluate_all(list(requested), user_id, context, now, failures, expose)
        append, next_number = self._append, self._next_number
        if append is not None and next_number is not None and user_id is not None and evaluations:
            append((next_number(), user_id, now, evaluations))
        return Evaluations(evaluations, failures)

    def _evaluate_all(
        self,
        requested: Collection[Flag],
        user_id: str | None,
        context: dict[str, Any],
        now: float,
        failures: dict[str, RealtimeError],
        expose: bool,
    ) -> list[Evaluation]:
        """Adds errors to ``failures``.

        Which experiments are served shows when flags are evaluated. Users are assigned to all of them in one
        go, and then the flags are evaluated again.
        """
        assigned: dict[str, AssignmentResult | RealtimeError] = {}
        needed: set[str] = set()
        used: set[str] = set()

        def assign(key: str) -> Evaluation | None:
            if user_id is None:
                raise InvalidInput.missing_unit("flag", "user")
            result = assigned.get(key)
            if result is None:
                needed.add(key)
                raise _NotAssignedYet
            used.add(key)
            if isinstance(result, NotFound):
                raise Stop
            if isinstance(result, RealtimeError):
                raise result
            return _make_answer(result)

        def find(key: str) -> Flag | None:
            if key in unreadable:
                raise unreadable[key]
            return all_flags.get(key)

        def on_error(flag: Flag, error: Exception) -> None:
            if not isinstance(error, _NotAssignedYet):
                failures[flag.key] = _as_realtime_error(error)

        all_flags, unreadable = self._flags.get_all(), self._flags.get_unreadable()
        evaluations = list(evaluate_all(requested, user_id, context, now, find, on_error, assign))
        while needed and self._assigner is not None and user_id is not None:
            assigned |= self._assigner.assign_many(user_id, needed, context, now)
            needed.clear()
            used.clear()
            evaluations = list(evaluate_all(requested, user_id, context, now, find, on_error, assign))
        for key in used if expose else ():
            self._expose(assigned[key], context, now)
        return evaluations

    def _assign(
        self, key: str, user_id: str | None, context: dict[str, Any], now: float
    ) -> Evaluation | None:
        if user_id is None:
            raise InvalidInput.missing_unit("flag", "user")
        if self._assigner is None:
            raise Stop
        try:
            result = self._assigner.assign(user_id, key, context, now)
        except NotFound:  # removed a moment ago: publishing refuses flags that serve no experiment
            raise Stop from None
        self._expose(result, context, now)
        return _make_answer(result)

    def _expose(
        self, result: AssignmentResult | RealtimeError, context: Mapping[str, Any], now: float
    ) -> None:
        is_assigned = isinstance(result, AssignmentResult) and result.decision.variant is not None
        if self._exposures is not None and is_assigned and isinstance(result, AssignmentResult):
            self._exposures.expose(result, context, now)


class _NotAssignedYet(Exception):
    """The flag serves an experiment to which the user is not assigned yet."""


def _make_answer(result: AssignmentResult) -> Evaluation | None:
    """None if the experiment excludes the user. The flag that serves it makes it its own."""
    decision = result.decision
    if decision.variant is None:
        return None
    return Evaluation(
        flag_key="",
        enabled=True,
        variant=decision.variant,
        value=decision.payload,
        has_value=decision.payload is not None,
        reason=decision.reason,
        version=result.experiment.version,
        tracked=0,
        encoded="",
        member="",
        openfeature="",
    )


def _select(
    flags: Mapping[str, Flag], keys: Collection[str], unreadable: Mapping[str, RealtimeError]
) -> tuple[list[Flag], dict[str, RealtimeError]]:
    unique_keys = dict.fromkeys(keys)
    selected = list(filter(None, map(flags.get, unique_keys)))
    if len(selected) == len(unique_keys):
        return selected, {}
    missing = [key for key in unique_keys if key not in flags]
    return selected, {key: unreadable.get(key) or NotFound.flag(key) for key in missing}


def _check_input(user_id: str | None, context: dict[str, Any], keep_user_id: bool) -> None:
    """Also adds the user's id to the context, for targeting rules.

    ``keep_user_id``: the context's own ``user_id``, if it has one, is an attribute like any other.
    """
    check_context(context)
    if user_id is not None:
        check_user_id(user_id)
        if not (keep_user_id and "user_id" in context):
            context["user_id"] = user_id


def _as_realtime_error(error: Exception) -> RealtimeError:
    if isinstance(error, RealtimeError):
        return error
    _log.error("a flag could not be evaluated: %s", type(error).__name__)
    return RealtimeError("internal_error", "The flag could not be evaluated; the error is logged.")
