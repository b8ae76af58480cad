"""Flags for one user: one, or all at once."""

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from chalicelib.domain.definitions import Evaluation, Flag
from chalicelib.domain.errors import NotFound, RealtimeError
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.units import check_context, check_user_id

_log = logging.getLogger("realtime")


class Flags(Protocol):
    def flag(self, key: str) -> Flag | None: ...
    def flags(self) -> Mapping[str, Flag]: ...


class Evaluations(Protocol):
    def evaluated(self, user_id: str, evaluations: Sequence[Evaluation], now: float) -> None: ...


class FlagEvaluator:
    """Answers from the catalog's flags; raises StorageUnavailable if none could ever be loaded.

    ``tracker`` None: nothing is tracked. ``user_id`` None: only what needs no unit can be answered,
    which is OFREP's way; then there is nobody to track either.
    """

    def __init__(self, catalog: Flags, tracker: Evaluations | None) -> None:
        self._catalog = catalog
        self._tracker = tracker

    def one(self, user_id: str | None, flag_key: str, context: dict[str, Any], now: float) -> Evaluation:
        """Raises NotFound for an unknown flag, InvalidInput or TooLarge for what it is asked with."""
        _with_unit(user_id, context)
        flag = self._catalog.flag(flag_key)
        if flag is None:
            raise _unknown(flag_key)
        found = evaluate(flag, user_id, context, now, self._catalog.flag)
        if self._tracker is not None and user_id is not None:
            self._tracker.evaluated(user_id, (found,), now)
        return found

    def many(
        self, user_id: str | None, flag_keys: Collection[str] | None, context: dict[str, Any], now: float
    ) -> list[tuple[str, Evaluation | RealtimeError]]:
        """Each flag by itself, sorted by key; one that fails never fails the rest. None: all flags."""
        _with_unit(user_id, context)
        flags = self._catalog.flags()
        answers: list[tuple[str, Evaluation | RealtimeError]] = []
        found: list[Evaluation] = []
        for key in sorted(flags if flag_keys is None else set(flag_keys)):
            flag = flags.get(key)
            if flag is None:
                answers.append((key, _unknown(key)))
                continue
            try:
                evaluation = evaluate(flag, user_id, context, now, flags.get)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one flag is no other's problem
                answers.append((key, _failed(error)))
                continue
            found.append(evaluation)
            answers.append((key, evaluation))
        if self._tracker is not None and user_id is not None and found:
            self._tracker.evaluated(user_id, found, now)
        return answers


def _with_unit(user_id: str | None, context: dict[str, Any]) -> None:
    check_context(context)
    if user_id is not None:
        context["user_id"] = check_user_id(user_id)


def _unknown(key: str) -> NotFound:
    return NotFound("flag_not_found", f"There is no flag {key!r}.")


def _failed(error: Exception) -> RealtimeError:
    if isinstance(error, RealtimeError):
        return error
    _log.error("a flag could not be evaluated: %s", type(error).__name__)
    return RealtimeError("internal_error", "The flag could not be evaluated; the error is logged.")
