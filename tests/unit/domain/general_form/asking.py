"""What a condition is, by the engine and by the plain interpreter, which must agree."""

from typing import Any

from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.state import State, Stop
from tests.support.general_interpreter import EvaluationError, Scope, evaluate_condition

NOW = 1_714_557_600.5
"""2024-05-01T10:00:00.5Z"""


def truth(condition: Any, context: Any, user: str | None = "ada", now: float = NOW) -> Any:
    """True, False, "unknown" or "error"."""
    answer = ask_engine(condition, context, user, now)
    try:
        assert answer == evaluate_condition(condition, Scope({}, user, context, now))
    except EvaluationError:
        assert answer == "error"
    return answer


def find_nothing(_key: str) -> None:
    return None


def ask_engine(condition: Any, context: Any, user: str | None, now: float) -> Any:
    compiled = compile_condition(condition, "when")
    try:
        outcome = compiled.condition(user, context, State(now, find_nothing, find_nothing))
    except Stop:
        return "error"
    assert outcome is not None or not compiled.is_two_valued
    return "unknown" if outcome is None else outcome
