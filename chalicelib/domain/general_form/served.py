"""What a rule serves, compiled, and what the compiler knows about it."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from chalicelib.domain.general_form.shards import Shard
from chalicelib.domain.general_form.state import Context, State


class Word:
    """A word of the grammar that is no answer."""


NEXT: Final = Word()
UNDECIDED: Final = Word()

Decide = Callable[[str | None, Context, State], Any]
"""User, context, state -> an answer, NEXT or UNDECIDED."""


class Arm(NamedTuple):
    """A range of raw integers, half-open, and what it serves."""

    start: int
    end: int
    served: "Served"


class Served(NamedTuple):
    """``constant``: what it always is, in a tuple. ``split``: the shard and arms that it consists of."""

    decide: Decide
    constant: tuple[Any] | None = None
    split: tuple[Shard, Sequence[Arm]] | None = None


def serve_constant(answer: Any) -> Served:
    return Served(lambda _user, _context, _state: answer, (answer,))
