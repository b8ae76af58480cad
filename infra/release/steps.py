"""How an environment moves traffic to a new version: steps, their duration, versions that are kept."""

from dataclasses import dataclass
from typing import NamedTuple

MAX_HOURS = 40
"""An execution of Step Functions has at most 25,000 events."""
FIRST_MINUTES = 5
"""The metrics of a minute are complete one to two minutes later."""


class Step(NamedTuple):
    """``percent`` of the traffic, watched for ``minutes`` before the next step."""

    percent: int
    minutes: int


@dataclass(frozen=True, slots=True)
class Release:
    steps: tuple[Step, ...] = (Step(10, 10), Step(50, 10), Step(100, 10))
    min_calls: int = 50
    """A step is watched longer, up to 3 times as long, until each new version has answered so many calls."""
    keep: int = 3
    """Versions that stay beside those that a rollback can go to. A snapshot of each costs money."""

    def __post_init__(self) -> None:
        percents = [step.percent for step in self.steps]
        if percents != sorted(set(percents)) or percents[-1:] != [100] or percents[0] < 1:
            raise ValueError(f"steps must grow from at least 1 to 100 per cent, got {percents}")
        if any(step.minutes < FIRST_MINUTES for step in self.steps) and self.is_gradual:
            raise ValueError(f"each step must be watched for at least {FIRST_MINUTES} minutes")
        if self.count_minutes() > MAX_HOURS * 60:
            raise ValueError(f"steps must end within {MAX_HOURS} hours, also if all are watched longer")
        if self.min_calls < 0 or not 1 <= self.keep <= 20:
            raise ValueError(
                f"min_calls must be at least 0 and keep 1 to 20, got {self.min_calls}, {self.keep}"
            )

    @property
    def is_gradual(self) -> bool:
        return len(self.steps) > 1

    def count_minutes(self) -> int:
        """At most, of watching."""
        return sum(step.minutes for step in self.steps) * (MAX_LONGER if self.min_calls else 1)


MAX_LONGER = 3
AT_ONCE = Release(steps=(Step(100, 0),), min_calls=0)
