"""A definition of the general form, compiled at its first decision."""

from collections.abc import Callable
from typing import Any

from chalicelib.domain.general_form.compiler import MakeAnswer, compile_definition
from chalicelib.domain.general_form.served import Decide
from chalicelib.domain.general_form.state import Context, State

_STATE_FIELDS = frozenset({"below", "def", "experiment", "flag", "item", "now", "segment", "some"})
_CLOCK_TEST = "/time_window"


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
            form = make_form()
            self.decide = compile_definition(form, make_answer)
            self.reads_state = reads_state([form["rules"], form.get("default")])
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
