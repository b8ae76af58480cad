"""The parts of a status: states, lines, and a view of the snapshot that knows what did not answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TypeVar

from chalicelib.domain.status.alarms import Condition
from chalicelib.domain.status.figures import holds
from chalicelib.domain.status.snapshot import Series, Snapshot, Unanswered

RECENT = 120
"""Seconds of which metrics say how it is now: they are at most a minute late."""
GIVEN_UP_SOON = 12 * 3600
"""Seconds behind a stream from which it is urgent: assignments are given up after 23 hours."""

T = TypeVar("T")


class State(IntEnum):
    """By severity. OFF: there is nothing to watch, which is fine."""

    OFF = 0
    GREEN = 1
    AMBER = 2
    RED = 3
    UNKNOWN = 4


@dataclass(frozen=True, slots=True)
class Line:
    """``advice`` says what to do about amber and red; ``alarms`` are sections of docs/runbook.md."""

    name: str
    state: State
    text: str
    advice: str = ""
    alarms: tuple[str, ...] = ()
    figures: Mapping[str, object] = field(default_factory=dict)


class NoAnswer(Exception):
    """A line needs a source that did not answer."""


@dataclass(frozen=True, slots=True)
class View:
    """A snapshot and the conditions by name. Asking for what is not there raises NoAnswer."""

    snapshot: Snapshot
    conditions: Mapping[str, Condition]

    @property
    def env(self) -> str:
        return self.snapshot.env

    @property
    def now(self) -> float:
        return self.snapshot.now

    @property
    def series(self) -> Series:
        return require(self.snapshot.series)

    def holds(self, name: str) -> bool:
        return holds(self.conditions[name], self.series, self.now)

    def find_ringing(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if self.holds(name))


def require(value: T | Unanswered) -> T:
    if isinstance(value, Unanswered):
        raise NoAnswer(value.reason)
    return value
