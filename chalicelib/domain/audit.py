"""Who changed what by hand, when and why: one item for each action.

An item is written before the action and completed after it, so that one which was killed leaves a line too.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

UNFINISHED = "unfinished"
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Action:
    """``counts`` are numbers by what happened. No field holds a user's id or a payload."""

    name: str
    by: str
    at: float = 0.0  # epoch seconds; the trail sets it
    note: str = ""  # beside the name, see `publisher`
    selection: str = ""
    reason: str = ""
    outcome: str = UNFINISHED
    counts: Mapping[str, int] = field(default_factory=dict)


class AuditTrail(Protocol):
    """Both raise StorageUnavailable or Throttled."""

    def write(self, action: Action) -> Action:
        """Write a new action, or complete one that `write` returned."""

    def read(self, limit: int) -> list[Action]:
        """The latest, newest first."""


@contextmanager
def audited(trail: AuditTrail, action: Action) -> Iterator[Counter[str]]:
    """Keep a line of what happens in the block, which fills the counts and may set ``interrupted``."""
    begun = trail.write(action)
    counts: Counter[str] = Counter()
    outcome = "failed"
    try:
        yield counts
        outcome = INTERRUPTED if counts.pop(INTERRUPTED, 0) else "done"
    except KeyboardInterrupt:
        outcome = INTERRUPTED
        raise
    finally:
        trail.write(replace(begun, outcome=outcome, counts=dict(counts)))
