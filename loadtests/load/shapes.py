"""The scenarios: how many users there are at each time, and what they ask."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from loadtests.load.traffic import BULK, MIXED

STEPS = (1, 2, 4, 8, 16, 32, 64)
"""Users that ask without a pause, to find the saturation."""
RATE = 10.0
"""Requests a second of each user of the other scenarios."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """``count_users`` gets the share of the time that has passed, from 0 to 1, and the most users."""

    about: str
    count_users: Callable[[float, int], int]
    mix: Mapping[str, int]
    has_new_users: bool = False
    has_pauses: bool = True


def _keep(_share: float, users: int) -> int:
    return users


def _ramp(share: float, users: int) -> int:
    return max(1, round(users * min(1.0, share)))


def _spike(share: float, users: int) -> int:
    return users if 1 / 3 <= share < 2 / 3 else max(1, users // 5)


def _climb(share: float, _users: int) -> int:
    return STEPS[min(int(share * len(STEPS)), len(STEPS) - 1)]


SCENARIOS: Mapping[str, Scenario] = {
    "ramp": Scenario("from one user to all", _ramp, MIXED),
    "steady": Scenario("all users, all the time", _keep, MIXED),
    "spike": Scenario("five times as many in the middle third", _spike, MIXED),
    "soak": Scenario("as steady, for longer", _keep, MIXED),
    "bulk": Scenario("all flags, all experiments, 500 events", _keep, BULK),
    "new-users": Scenario("every request is of a user who was never seen", _keep, MIXED, has_new_users=True),
    "steps": Scenario("without pauses, twice as many users at each step", _climb, MIXED, has_pauses=False),
}
