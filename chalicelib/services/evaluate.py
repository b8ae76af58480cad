"""Flags for one user: one, or all at once."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from chalicelib.domain.definitions import Evaluation, Flag
from chalicelib.domain.errors import NotFound, RealtimeError
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.units import check_context, check_user_id


class Flags(Protocol):
    def flag(self, key: str) -> Flag | None: ...
    def flags(self) -> Mapping[str, Flag]: ...


class FlagEvaluator:
    """Answers from the catalog's flags; raises StorageUnavailable if none could ever be loaded."""

    def __init__(self, catalog: Flags) -> None:
        self._catalog = catalog

    def one(self, user_id: str, flag_key: str, context: dict[str, Any], now: float) -> Evaluation:
        """Raises NotFound for an unknown flag."""
        _with_unit(user_id, context)
        flag = self._catalog.flag(flag_key)
        if flag is None:
            raise NotFound("flag_not_found", f"There is no flag {flag_key!r}.")
        return evaluate(flag, user_id, context, now, self._catalog.flag)

    def many(
        self, user_id: str, flag_keys: Collection[str] | None, context: dict[str, Any], now: float
    ) -> Iterable[tuple[str, Evaluation | RealtimeError]]:
        """Each flag by itself, sorted by key; one that fails never fails the rest. None: all flags."""
        _with_unit(user_id, context)
        flags = self._catalog.flags()
        for key in sorted(flags if flag_keys is None else set(flag_keys)):
            flag = flags.get(key)
            try:
                if flag is None:
                    raise NotFound("flag_not_found", f"There is no flag {key!r}.")
                yield key, evaluate(flag, user_id, context, now, flags.get)
            except RealtimeError as error:
                yield key, error


def _with_unit(user_id: str, context: dict[str, Any]) -> None:
    check_context(context)
    context["user_id"] = check_user_id(user_id)
