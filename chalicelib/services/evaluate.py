"""Evaluates one flag or many flags for a user."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from json import dumps
from typing import Any, Protocol

from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.context import SHORT_USER_ID, check_context, check_user_id
from chalicelib.domain.definitions.model import Evaluation, Flag, Segment
from chalicelib.domain.errors import InvalidInput, NotFound, RealtimeError
from chalicelib.domain.evaluation import (
    NO_STATE,
    Evaluations,
    evaluate,
    evaluate_all,
    make_experiment_answer,
    make_state,
)
from chalicelib.domain.general_form.state import NO_VALUE, UNLIMITED, EvaluationTime, Stop
from chalicelib.domain.heartbeat import find_flag as find_heartbeat
from chalicelib.services.definitions.segments import find_by_key, find_in_all
from chalicelib.services.definitions.sources import DefinitionSource
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer
from chalicelib.services.experiment_answers import ExperimentAnswers, ExperimentAssigner, NotAssignedYet

_log = logging.getLogger("realtime")


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
        segments: DefinitionSource[Segment],
        buffer: EvaluationBuffer | None,
        assigner: ExperimentAssigner | None = None,
        exposures: ExposureRecorder | None = None,
        new_time: Callable[[], EvaluationTime] = lambda: UNLIMITED,
    ) -> None:
        self._flags = flags
        self._segments = segments
        self._find_segment = find_by_key(segments)
        self._assigner = assigner
        self._exposures = exposures
        self._new_time = new_time
        # Looked up once: to look them up for each request takes a third of the time of tracking.
        self._append = None if buffer is None else buffer.append
        self._next_number = None if buffer is None else buffer.next_number
        self._append_many = None if buffer is None else buffer.append_many

    def evaluate(
        self,
        user_id: str | None,
        flag_key: str,
        context: dict[str, Any],
        now: float,
        *,
        keep_user_id: bool = False,
        only_client: bool = False,
        is_checked: bool = False,
        time: EvaluationTime | None = None,
    ) -> Evaluation:
        """An experiment that the flag serves counts the exposure. ``is_checked``: `check_context` took it.
        ``time`` is what is left of a request that evaluates more; None is a whole one.

        Raises NotFound for an unknown flag, InvalidInput or TooLarge for the user id and the context.
        """
        if not is_checked:
            check_context(context)
        if user_id is not None:
            # Nearly all ids are good. The call would take longer than the look-up of the flag.
            if not (type(user_id) is str and 0 < len(user_id) <= SHORT_USER_ID and user_id.isprintable()):
                check_user_id(user_id)
            if not (keep_user_id and "user_id" in context):
                context["user_id"] = user_id
        flag = self._flags.find(flag_key) or find_heartbeat(flag_key)
        if flag is None or (only_client and not flag.document.client_visible):
            raise NotFound.flag(flag_key)
        definition = flag.definition
        answer: Any = NO_VALUE
        if not (definition.reads_state or flag.later):
            try:  # as most flags are decided: what `evaluate` does besides takes as long as the decision
                answer = definition.decide(user_id, context, NO_STATE)
            except Stop:
                answer = NO_VALUE
        if answer is NO_VALUE:
            answer = self._evaluate_with_state(flag, user_id, context, now, time or self._new_time())
        evaluation: Evaluation = answer
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
        """In the order of ``flag_keys``; None asks for all that are listed. An error fails only its own flag.

        ``expose``: experiments that flags serve count an exposure.
        """
        check_context(context)
        if user_id is not None:
            _check_user(user_id, context, keep_user_id)
        flags = self._flags.get_listed() if flag_keys is None else self._flags.get_all()
        unreadable = self._flags.get_unreadable()
        if only_client:
            flags = {key: flag for key, flag in flags.items() if flag.document.client_visible}
            unreadable = {}
        if flag_keys is None:
            failures = dict(unreadable)
            evaluations = self._evaluate_all(flags.values(), user_id, context, now, failures, expose)
        else:
            failures, by_name = {}, {}
            for name in flag_keys:
                flag = flags.get(name) or self._find_asked(name, unreadable, only_client)
                if isinstance(flag, Flag):
                    by_name[name] = flag
                else:
                    failures[name] = flag
            unique = {flag.key: flag for flag in by_name.values()}.values()
            failed: dict[str, RealtimeError] = {}
            evaluations = self._evaluate_all(unique, user_id, context, now, failed, expose)
            if len(unique) < len(by_name) or not by_name.keys() <= flags.keys():
                evaluations = _name_as_asked(evaluations, by_name)
            if failed:
                failures |= {name: failed[flag.key] for name, flag in by_name.items() if flag.key in failed}
        if self._append_many is not None and user_id is not None and evaluations:
            self._append_many(user_id, now, evaluations)
        return Evaluations(evaluations, failures)

    def _evaluate_with_state(
        self, flag: Flag, user_id: str | None, context: dict[str, Any], now: float, time: EvaluationTime
    ) -> Evaluation:
        def assign(key: str) -> Evaluation | None:
            return self._assign(key, user_id, context, now, time)

        get_flag = self._flags.get
        state = make_state(now, get_flag, self._find_segment, assign, time)
        return evaluate(flag, user_id, context, now, get_flag, state)

    def _find_asked(
        self, name: str, unreadable: Mapping[str, RealtimeError], only_client: bool
    ) -> Flag | RealtimeError:
        """By alias, or by the key of a flag that is in no list."""
        if name in unreadable:
            return unreadable[name]
        flag = self._flags.find(name)
        is_hidden = flag is None or (only_client and not flag.document.client_visible)
        return NotFound.flag(name) if flag is None or is_hidden else flag

    def _evaluate_all(
        self,
        requested: Collection[Flag],
        user_id: str | None,
        context: dict[str, Any],
        now: float,
        failures: dict[str, RealtimeError],
        expose: bool,
    ) -> list[Evaluation]:
        """In the order of ``requested``. Adds errors to ``failures``.

        Which experiments are served shows when flags are evaluated. The user is assigned to all of them in
        one go, and then the flags that serve one are evaluated again.
        """
        time = self._new_time()
        experiments = ExperimentAnswers(self._assigner, user_id, context, now, time)
        waiting: list[Flag] = []

        def find(key: str) -> Flag | None:
            if key in unreadable:
                raise unreadable[key]
            return all_flags.get(key)

        def on_error(flag: Flag, error: Exception) -> None:
            if isinstance(error, NotAssignedYet):
                waiting.append(flag)
            else:
                failures[flag.key] = _as_realtime_error(error)

        def evaluate_each(flags: Iterable[Flag]) -> list[Evaluation]:
            return list(
                evaluate_all(
                    flags, user_id, context, now, find, on_error, find_segment, experiments.get, time
                )
            )

        all_flags, unreadable = self._flags.get_all(), self._flags.get_unreadable()
        find_segment = find_in_all(self._segments)
        evaluations = evaluate_each(requested)
        if not waiting:
            return evaluations
        by_key = {evaluation.flag_key: evaluation for evaluation in evaluations}
        while waiting:
            experiments.assign_needed()
            again = waiting.copy()
            waiting.clear()
            by_key |= {evaluation.flag_key: evaluation for evaluation in evaluate_each(again)}
        for result in experiments.used.values() if expose else ():
            self._expose(result, context, now)
        return [by_key[flag.key] for flag in requested if flag.key in by_key]

    def _assign(
        self, key: str, user_id: str | None, context: dict[str, Any], now: float, time: EvaluationTime
    ) -> Evaluation | None:
        if user_id is None:
            raise InvalidInput.missing_unit("flag", "user")
        if self._assigner is None:
            raise Stop
        try:
            result = self._assigner.assign(user_id, key, context, now, time)
        except NotFound:  # removed a moment ago: publishing refuses flags that serve no experiment
            raise Stop from None
        self._expose(result, context, now)
        return make_experiment_answer(result.decision, result.experiment.version)

    def _expose(self, result: AssignmentResult, context: Mapping[str, Any], now: float) -> None:
        if self._exposures is not None and result.decision.variant is not None:
            self._exposures.expose(result, context, now)


def _name_as_asked(evaluations: Iterable[Evaluation], by_name: Mapping[str, Flag]) -> list[Evaluation]:
    """A flag that was asked for by its alias answers under its alias."""
    by_key = {evaluation.flag_key: evaluation for evaluation in evaluations}
    named = ((name, by_key.get(flag.key)) for name, flag in by_name.items())
    return [
        replace(evaluation, member=f"{dumps(name)}:{evaluation.encoded}")
        for name, evaluation in named
        if evaluation is not None
    ]


def _check_user(user_id: str, context: dict[str, Any], keep_user_id: bool) -> None:
    """Also adds the user's id to the context, for targeting rules.

    ``keep_user_id``: the context's own ``user_id``, if it has one, is an attribute like any other.
    """
    check_user_id(user_id)
    if not (keep_user_id and "user_id" in context):
        context["user_id"] = user_id


def _as_realtime_error(error: Exception) -> RealtimeError:
    if isinstance(error, RealtimeError):
        return error
    _log.error("a flag could not be evaluated: %s", type(error).__name__)
    return RealtimeError("internal_error", "The flag could not be evaluated; the error is logged.")
