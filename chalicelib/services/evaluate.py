"""Evaluates one flag or many flags for a user."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import Evaluation, Flag, Segment
from chalicelib.domain.errors import NotFound, RealtimeError
from chalicelib.domain.evaluation import Evaluations, evaluate, evaluate_all
from chalicelib.services.definitions.cache import DefinitionSource
from chalicelib.services.definitions.segments import find_by_key, find_in_all
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer

_log = logging.getLogger("realtime")


class FlagEvaluator:
    """Without a ``buffer`` nothing is tracked.

    ``user_id`` may be None, as OFREP allows: then only flags that need no unit have an answer, and nothing is
    tracked. Methods raise StorageUnavailable or Throttled if the flags were never loaded.
    """

    def __init__(
        self,
        flags: DefinitionSource[Flag],
        segments: DefinitionSource[Segment],
        buffer: EvaluationBuffer | None,
    ) -> None:
        self._flags = flags
        self._segments = segments
        self._find_segment = find_by_key(segments)
        # Looked up once: to look them up for each request takes a third of the time of tracking.
        self._append = None if buffer is None else buffer.append
        self._next_number = None if buffer is None else buffer.next_number

    def evaluate(
        self,
        user_id: str | None,
        flag_key: str,
        context: dict[str, Any],
        now: float,
        keep_user_id: bool = False,
    ) -> Evaluation:
        """Raises NotFound for an unknown flag, InvalidInput or TooLarge for the user id and the context."""
        _check_input(user_id, context, keep_user_id)
        flag = self._flags.get(flag_key)
        if flag is None:
            raise NotFound.flag(flag_key)
        evaluation = evaluate(flag, user_id, context, now, self._flags.get, find_segment=self._find_segment)
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
        keep_user_id: bool = False,
    ) -> Evaluations:
        """In the order of ``flag_keys``; None asks for all. An error fails only the flags that meet it."""
        _check_input(user_id, context, keep_user_id)
        flags = self._flags.get_all()
        unreadable = self._flags.get_unreadable()
        failures = dict(unreadable)
        requested: Iterable[Flag] = flags.values()
        if flag_keys is not None:
            requested, failures = _select(flags, flag_keys, unreadable)

        def find(key: str) -> Flag | None:
            if key in unreadable:
                raise unreadable[key]
            return flags.get(key)

        def on_error(flag: Flag, error: Exception) -> None:
            failures[flag.key] = _as_realtime_error(error)

        find_segment = find_in_all(self._segments)
        evaluations = list(evaluate_all(requested, user_id, context, now, find, on_error, find_segment))
        append, next_number = self._append, self._next_number
        if append is not None and next_number is not None and user_id is not None and evaluations:
            append((next_number(), user_id, now, evaluations))
        return Evaluations(evaluations, failures)


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
