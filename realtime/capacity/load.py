"""The load that a deployment is sized for."""

import math
from dataclasses import dataclass
from typing import Literal

Front = Literal["rest", "http", "alb"]
Start = Literal["cold", "snapstart", "provisioned"]
MONTH_SECONDS = 730 * 3600
HEADROOM = 1.1
"""Rates of a second vary, and no second may be above a limit."""


def round_up(value: float) -> int:
    """10 % more than 20,000 is 22,000, not 22,000.000000000004."""
    return math.ceil(round(value, 6))


@dataclass(frozen=True, slots=True)
class Load:
    """Rates of the busiest second. ``users`` and ``share`` are of a month.

    ``share``: how much of what the peak would bring in a month comes in one. ``tracked``: events that a flag
    request sends, which is less than 1 where a user asks a container again within ten minutes, and 0 with
    tracking off. ``assignment_hits``: assignments that a container has in memory. ``keys``: API keys in use.
    ``counted``: experiments that a client's event counts for.
    """

    assigns: float
    flags: float
    users: int = 1_000_000
    events_per_hour: float = 0
    share: float = 1.0
    front: Front = "rest"
    start: Start = "snapstart"
    events_per_request: float = 10
    tracked: float = 1.0
    assignment_hits: float = 0.0
    experiments: float = 1.0
    counted: float = 1.0
    keys: int = 10
    key_seconds: float = 60.0
    definitions: int = 50
    has_firewall: bool = True

    def __post_init__(self) -> None:
        if self.events_per_request < 1:
            raise ValueError("--events-per-request must be at least 1")
        if not 0 <= self.assignment_hits <= 1:
            raise ValueError("--assignment-hits must be 0 to 1: the share of assignments in memory")
        if not 0 < self.share <= 1:
            raise ValueError("--requests must be above 0 and at most what --rps gives in a month")

    @property
    def decisions(self) -> float:
        return self.assigns + self.flags

    @property
    def events(self) -> float:
        """A second, from clients."""
        return self.events_per_hour / 3600

    @property
    def ingests(self) -> float:
        return self.events / self.events_per_request

    @property
    def requests(self) -> float:
        """A second, at the front door."""
        return self.decisions + self.ingests

    @property
    def new_assignments_month(self) -> float:
        return min(self.users * self.experiments, self.count_in_month(self.assigns))

    def count_in_month(self, rate: float) -> float:
        return rate * MONTH_SECONDS * self.share
