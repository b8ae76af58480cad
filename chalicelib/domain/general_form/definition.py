"""A definition of the general form, compiled at its first decision."""

from collections.abc import Callable
from typing import Any

from chalicelib.domain.general_form.compiler import MakeAnswer, compile_definition
from chalicelib.domain.general_form.served import Decide
from chalicelib.domain.general_form.state import Context, State

_STATE_FIELDS = frozenset({"below", "def", "experiment", "flag", "item", "now", "segment", "some"})
_CLOCK_TEST = "/time_window"
MAX_TESTS_UNCHECKED = 50
"""Definitions with more tests look at the time before they decide."""


class LazyDefinition:
    """``decide(user, context, state)`` gives an answer or NO_VALUE.

    The first call compiles: a container loads every definition but evaluates few. Two threads may both
    compile, with the same result. ``state`` may be None unless ``reads_state``.
    """

    __slots__ = ("_make_form", "decide", "reads_state")

    decide: Decide

    def __init__(self, make_form: Callable[[], Any], make_answer: MakeAnswer) -> None:
        self._make_form = make_form
        self.reads_state = True  # until it is known better

        def decide_first(user: str | None, context: Context, state: State) -> Any:
            with state.time.exclude():
                form = make_form()
                parts = [form["rules"], form.get("default")]
                compiled = compile_definition(form, make_answer)
                is_long = count_tests(parts) > MAX_TESTS_UNCHECKED
                self.decide = _check_time(compiled) if is_long else compiled
                self.reads_state = is_long or reads_state(parts)
            return self.decide(user, context, state)

        self.decide = decide_first

    @property
    def form(self) -> Any:
        return self._make_form()


def reads_state(form: Any) -> bool:
    """Whether some part reads the clock, an element, a segment or another definition. True if in doubt."""
    if isinstance(form, dict):
        return not _STATE_FIELDS.isdisjoint(form) or any(map(reads_state, form.values()))
    if isinstance(form, list):
        return any(map(reads_state, form))
    return isinstance(form, str) and (form == "now" or form.endswith(_CLOCK_TEST))


def count_tests(form: Any) -> int:
    if isinstance(form, dict):
        return ("test" in form) + sum(map(count_tests, form.values()))
    return sum(map(count_tests, form)) if isinstance(form, list) else 0


def _check_time(decide: Decide) -> Decide:
    def decide_in_time(user: str | None, context: Context, state: State) -> Any:
        state.time.check()
        return decide(user, context, state)

    return decide_in_time
