"""Whom a definition is explained for, and what the engine says of its parts."""

from collections.abc import Callable
from typing import Any, TypeVar

from chalicelib.domain.general_form.compiled import Compiled
from chalicelib.domain.general_form.conditions import compile_condition, join_all, join_any, negate
from chalicelib.domain.general_form.operands import compile_operand
from chalicelib.domain.general_form.state import Context, State

Json = Any
_Answer = TypeVar("_Answer")


class Question:
    """Compiles each part of a definition once: explaining asks about a part, and then about those in it."""

    def __init__(self, user: str | None, context: Context, state: State) -> None:
        self.user = user
        self.context = context
        self.state = state
        self._compiled: dict[int, tuple[Json, Compiled]] = {}
        """By the id of a condition, which is kept so that no other gets its id."""

    def holds(self, condition: Json) -> bool | None:
        """As the engine decides it."""
        outcome = self.ask(self._compile(condition).condition)
        return None if outcome is None else bool(outcome)

    def read(self, operand: Json) -> Json:
        """The operand's value before its reader reads it."""
        return self.ask(compile_operand(operand, ""))

    def ask(self, get: Callable[[str | None, Context, State], _Answer]) -> _Answer:
        return get(self.user, self.context, self.state)

    def _compile(self, condition: Json) -> Compiled:
        known = self._compiled.get(id(condition))
        if known is None:
            known = self._compiled[id(condition)] = (condition, self._compile_new(condition))
        return known[1]

    def _compile_new(self, condition: Json) -> Compiled:
        match condition:
            case {"all": [*parts]}:
                return join_all(list(map(self._compile, parts)))
            case {"any": [*parts]}:
                return join_any(list(map(self._compile, parts)))
            case {"not": part}:
                return negate(self._compile(part))
        return compile_condition(condition, "")
