"""Flags for one user: one, or all at once."""

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import DefinitionKind, Evaluation, Flag
from chalicelib.domain.errors import NotFound, RealtimeError
from chalicelib.domain.evaluation import evaluate, evaluate_all
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer

_log = logging.getLogger("realtime")


class Flags(Protocol):
    def flag(self, key: str) -> Flag | None: ...
    def flags(self) -> Mapping[str, Flag]: ...
    def unreadable(self, kind: DefinitionKind) -> dict[str, RealtimeError]: ...


class Answers(NamedTuple):
    """Of many flags: those that have one, and why the others have none, by their keys."""

    evaluations: list[Evaluation]
    failures: dict[str, RealtimeError]


class FlagEvaluator:
    """Answers from the catalog's flags; raises StorageUnavailable if none could ever be loaded.

    ``buffer`` None: nothing is tracked. ``user_id`` None: only what needs no unit can be answered, which
    is OFREP's way; then there is nobody to track either.
    """

    def __init__(self, catalog: Flags, buffer: EvaluationBuffer | None) -> None:
        self._catalog = catalog
        # Bound once: on the buffer they cost each request a third of what tracking costs.
        self._append = None if buffer is None else buffer.append
        self._number = None if buffer is None else buffer.next_number

    def one(self, user_id: str | None, flag_key: str, context: dict[str, Any], now: float) -> Evaluation:
        """Raises NotFound for an unknown flag, InvalidInput or TooLarge for what it is asked with."""
        _with_unit(user_id, context)
        flag = self._catalog.flag(flag_key)
        if flag is None:
            raise NotFound.flag(flag_key)
        found = evaluate(flag, user_id, context, now, self._catalog.flag)
        append, number = self._append, self._number
        if append is not None and number is not None and user_id is not None:
            append((number(), user_id, now, found))
        return found

    def many(
        self, user_id: str | None, flag_keys: Collection[str] | None, context: dict[str, Any], now: float
    ) -> Answers:
        """Each flag by itself, in their order; one that fails never fails the rest. None: all flags."""
        _with_unit(user_id, context)
        flags = self._catalog.flags()
        failures = unreadable = self._catalog.unreadable("flag")
        asked: Iterable[Flag] = flags.values()
        if flag_keys is not None:
            asked, failures = _named(flags, flag_keys, unreadable)

        def find(key: str) -> Flag | None:
            if key in unreadable:
                raise unreadable[key]
            return flags.get(key)

        def failed(flag: Flag, error: Exception) -> None:
            failures[flag.key] = _told(error)

        evaluations = list(evaluate_all(asked, user_id, context, now, find, failed))
        append, number = self._append, self._number
        if append is not None and number is not None and user_id is not None and evaluations:
            append((number(), user_id, now, evaluations))
        return Answers(evaluations, failures)


def _named(
    flags: Mapping[str, Flag], keys: Collection[str], unreadable: Mapping[str, RealtimeError]
) -> tuple[list[Flag], dict[str, RealtimeError]]:
    unique = dict.fromkeys(keys)
    found = list(filter(None, map(flags.get, unique)))
    if len(found) == len(unique):
        return found, {}
    return found, {key: unreadable.get(key) or NotFound.flag(key) for key in unique if key not in flags}


def _with_unit(user_id: str | None, context: dict[str, Any]) -> None:
    check_context(context)
    if user_id is not None:
        context["user_id"] = check_user_id(user_id)


def _told(error: Exception) -> RealtimeError:
    if isinstance(error, RealtimeError):
        return error
    _log.error("a flag could not be evaluated: %s", type(error).__name__)
    return RealtimeError("internal_error", "The flag could not be evaluated; the error is logged.")
