"""Who asks, and what: users by Zipf's law, 30 % assignments, 60 % flags, 10 % events."""

import random
from bisect import bisect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

FLAGS = ("new-checkout", "banner-text", "page-size", "discount-rate", "search-settings")
EXPERIMENTS = ("cdnow-aa", "cdnow-free-shipping")
Body = dict[str, Any]


class Zipf:
    """The user of rank n asks 1/n as often as the first."""

    def __init__(self, users: int) -> None:
        self._sums = list(accumulate(1 / rank for rank in range(1, users + 1)))

    def choose(self, chance: random.Random) -> str:
        return f"visitor-{bisect(self._sums, chance.random() * self._sums[-1])}"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request; ``limit`` is the P99 in milliseconds that the product promises."""

    path: str
    limit: float
    build: Callable[[str, random.Random], Body]


def _assign(user: str, chance: random.Random) -> Body:
    context = {"cohort": "1997-01", "first_order_value": chance.randrange(5, 60)}
    return {"user_id": user, "experiment_key": chance.choice(EXPERIMENTS), "context": context}


def _flag(user: str, chance: random.Random) -> Body:
    context = {"country": chance.choice(["DE", "FR", "US"]), "orders": chance.randrange(6)}
    return {"user_id": user, "flag_key": chance.choice(FLAGS), "context": context}


def _all(user: str, chance: random.Random) -> Body:
    return {"user_id": user, "context": {"country": chance.choice(["DE", "FR", "US"])}}


def _build_events(count: int) -> Callable[[str, random.Random], Body]:
    def build(user: str, chance: random.Random) -> Body:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        event = {"event_type": "purchase", "timestamp": now, "user_id": user}
        return {"events": [{**event, "value": chance.randrange(500, 20_000) / 100} for _ in range(count)]}

    return build


KINDS: Mapping[str, Kind] = {
    "assign": Kind("/assign", 50, _assign),
    "flag": Kind("/flags/evaluate", 40, _flag),
    "all flags": Kind("/flags/evaluate/batch", 40, _all),
    "10 events": Kind("/events", 100, _build_events(10)),
    "all experiments": Kind("/assign/batch", 50, _all),
    "500 events": Kind("/events", 100, _build_events(500)),
}
MIXED = {"assign": 30, "flag": 50, "all flags": 10, "10 events": 10}
BULK = {"all experiments": 30, "all flags": 60, "500 events": 10}
