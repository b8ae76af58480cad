"""What one evaluation knows beside the user and the context."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Protocol

Context = Mapping[str, Any]


class Definition(Protocol):
    """What another definition may refer to."""

    @property
    def decide(self) -> "Callable[[str | None, Context, State], Any]":
        """User, context, state -> an answer, or what says that there is none."""


class EvaluationTime(Protocol):
    """What a request may spend on decisions. Its clock belongs to the services."""

    def check(self) -> None:
        """Raises EvaluationTooLong once it is spent. Call it before work that grows with the context."""

    def exclude(self) -> AbstractContextManager[None]:
        """What is done within the block is not spent: a definition is compiled once."""


class _Unlimited:
    def check(self) -> None:
        pass

    def exclude(self) -> AbstractContextManager[None]:
        return nullcontext()


UNLIMITED: Final = _Unlimited()


class State:
    """``now`` is epoch seconds; ``find_definition`` and ``find_segment`` give what others refer to by key.

    ``assign`` gives the user's answer from an experiment, None if it excludes the user; an error without it.
    ``item`` is the element that a ``some`` looks at. ``depth`` is the number of definitions and segments that
    are being evaluated, each for the one before; ``answers`` are those of definitions evaluated before, and
    ``segments`` those of segments. ``time`` is what is left to decide in.
    """

    __slots__ = (
        "answers",
        "assign",
        "depth",
        "find_definition",
        "find_segment",
        "item",
        "now",
        "segments",
        "time",
    )

    def __init__(
        self,
        now: float,
        find_definition: "Callable[[str], Definition | None]",
        find_segment: "Callable[[str], Condition | None]",
        assign: "Callable[[str], Any] | None" = None,
        time: EvaluationTime = UNLIMITED,
    ) -> None:
        self.time = time
        self.assign = assign
        self.now = now
        self.find_definition = find_definition
        self.find_segment = find_segment
        self.item: Any = None
        self.depth = 0
        self.answers: dict[str, Any] = {}
        self.segments: dict[str, bool | None] = {}


MAX_DEPTH = 32
"""Definitions and segments evaluated for one another. More are a circle: publishing allows 20."""

Condition = Callable[[str | None, Context, State], bool | None]
"""True, False, or None for unknown."""
Get = Callable[[str | None, Context, State], Any]
"""A JSON value; None if it is missing or null."""


class Stop(Exception):
    """An error of the definition was reached: it ends the whole evaluation."""


class Circle(Stop):
    """A definition or segment refers to itself, by others or directly."""


class MissingUnit(Stop):
    """A shard that must have a unit has none: ``name`` is ``user``, or the attribute that is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class NoValue:
    """The answer "no value": the caller's own default."""


NO_VALUE: Final = NoValue()
