"""Requests and environments of one Lambda function, event by event, while the load rises and stays.

A request takes an idle environment, or else a new one, or else is refused with 429: Lambda queues no
synchronous call. With neither cold starts nor limits but the number of environments this is a queue without
waiting room, whose losses Erlang's formula B gives; a test compares.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import simpy

from realtime.capacity.facts import ENVIRONMENTS_AT_ONCE, ENVIRONMENTS_PER_SECOND, REQUESTS_PER_UNIT

Times = tuple[float, float]
"""Milliseconds until the answer, and until the environment is free again."""


@dataclass(frozen=True, slots=True)
class Function:
    """``sample`` draws the times of a request, ``start`` the ms of a new environment.

    ``units``: its reserved concurrency. ``warm``: environments that are there at the beginning.
    """

    units: int
    sample: Callable[[random.Random], Times]
    start: Callable[[random.Random], float]
    warm: int = 0
    has_rate_limit: bool = True
    at_once: float = ENVIRONMENTS_AT_ONCE
    per_second: float = ENVIRONMENTS_PER_SECOND


class Outcome(NamedTuple):
    """Milliseconds until the answer. ``environments``: at the end; ``busy``: the most at one time."""

    requests: int
    refused: int
    cold: int
    busy: int
    environments: int
    p50: float
    p99: float
    p99_after: float
    """Of requests after the rise."""

    @property
    def refused_share(self) -> float:
        return self.refused / self.requests if self.requests else 0.0

    @property
    def cold_share(self) -> float:
        return self.cold / self.requests if self.requests else 0.0


@dataclass
class Bucket:
    """Tokens that refill evenly; ``capacity`` at most."""

    capacity: float
    per_second: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.capacity

    def take(self, now: float) -> bool:
        self.tokens = min(self.capacity, self.tokens + (now - self.at) * self.per_second)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Pool:
    """The environments of a function."""

    def __init__(self, world: simpy.Environment, function: Function, draw: random.Random) -> None:
        self._world, self._function, self._draw = world, function, draw
        self._new = Bucket(function.at_once, function.per_second)
        rate = REQUESTS_PER_UNIT * function.units
        self._allowed = Bucket(rate, rate)  # a second's worth
        self.idle = self.environments = function.warm
        self.busy = self.most_busy = self.refused = self.cold = 0
        self.answers: list[tuple[float, float]] = []

    def request(self) -> None:
        now = self._world.now
        if self._function.has_rate_limit and not self._allowed.take(now):
            self.refused += 1
            return
        started = 0.0
        if self.idle:
            self.idle -= 1
        elif self.environments < self._function.units and self._new.take(now):
            self.environments += 1
            self.cold += 1
            started = self._function.start(self._draw)
        else:
            self.refused += 1
            return
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        answer, free = self._function.sample(self._draw)
        self.answers.append((now, started + answer))
        self._world.timeout((started + free) / 1000).callbacks.append(self._release)

    def _release(self, _: object) -> None:
        self.busy -= 1
        self.idle += 1


def simulate(function: Function, rate: float, rise: float, stay: float, seed: int = 1) -> Outcome:
    """Poisson arrivals, from 0 to ``rate`` a second within ``rise`` seconds, then ``stay`` seconds at it."""
    draw = random.Random(seed)  # noqa: S311 - a simulation
    world = simpy.Environment()
    pool = Pool(world, function, draw)
    world.process(_arrive(world, pool, rate, rise, draw))
    world.run(until=rise + stay)
    times = sorted(milliseconds for _, milliseconds in pool.answers)
    after = sorted(milliseconds for at, milliseconds in pool.answers if at >= rise)
    return Outcome(
        requests=len(times) + pool.refused,
        refused=pool.refused,
        cold=pool.cold,
        busy=pool.most_busy,
        environments=pool.environments,
        p50=find_quantile(times, 0.5),
        p99=find_quantile(times, 0.99),
        p99_after=find_quantile(after, 0.99),
    )


def _arrive(
    world: simpy.Environment, pool: Pool, rate: float, rise: float, draw: random.Random
) -> simpy.events.ProcessGenerator:
    """Arrivals of a rate that grows evenly come where its integral reaches those of rate 1."""
    arrived = 0.0
    while True:
        arrived += draw.expovariate(1.0)
        in_rise = rate * rise / 2
        at = math.sqrt(2 * arrived * rise / rate) if arrived < in_rise else rise + (arrived - in_rise) / rate
        yield world.timeout(max(0.0, at - world.now))
        pool.request()


def find_quantile(sorted_values: list[float], share: float) -> float:
    if not sorted_values:
        return 0.0
    return sorted_values[min(len(sorted_values) - 1, math.ceil(share * len(sorted_values)) - 1)]
