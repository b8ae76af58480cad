"""Limits how many pairs of event type and currency an experiment counts apart on one day.

Definitions name the event types, but senders choose the currencies: one that writes ids into them would
make a counter for each. Pairs over the limit count together, as ``$other``.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

from chalicelib.domain.stream.counters import format_day
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.events.two_generation_cache import TwoGenerationCache

DAYS_CACHED = 1_000

ScopeDay = tuple[str, int]
"""The scope of counters, and days since 1970."""

log = logging.getLogger(__name__)


class EventTypes(Protocol):
    """The pairs of event type and currency that are counted apart, by scope and day."""

    def claim(self, scope: str, day: int, names: frozenset[str], limit: int) -> frozenset[str]:
        """Add those of ``names`` for which there is room; returns all that are there then, at most ``limit``.

        Raises StorageUnavailable or Throttled.
        """


class EventTypeLimiter:
    def __init__(self, store: EventTypes, limit: int, metrics: MetricsRecorder) -> None:
        self._store = store
        self._limit = limit
        self._metrics = metrics
        self._cache: TwoGenerationCache[ScopeDay, frozenset[str]] = TwoGenerationCache(DAYS_CACHED, 86_400.0)

    def find_refused(
        self, names_by_day: Mapping[ScopeDay, frozenset[str]], now: float
    ) -> dict[ScopeDay, frozenset[str]]:
        """Those of the names that must not be counted apart; ``now`` in epoch seconds."""
        refused = {}
        cached = self._cache.get_many(names_by_day)
        for (scope, day), names in names_by_day.items():
            counted = cached.get((scope, day), frozenset())
            if not names <= counted and len(counted) < self._limit:
                counted = self._store.claim(scope, day, names, self._limit)
                self._cache.update({(scope, day): counted}, now)
            if not names <= counted:
                refused[scope, day] = names - counted
                self._metrics.record("EventTypesRefused", len(names - counted))
                log.warning(
                    "%s has more than %d event types with a currency on %s: the others count as $other",
                    scope,
                    self._limit,
                    format_day(day),
                )
        return refused
