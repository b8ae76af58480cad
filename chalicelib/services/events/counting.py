"""Add a batch's tallies to the counters, each exactly once."""

import logging
from collections.abc import Sequence

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.counters import Counters, Tally
from chalicelib.services.concurrency import Parallel

log = logging.getLogger(__name__)


def count(store: Counters, tallies: Sequence[Tally], parallel: Parallel) -> str | None:
    """The lowest position that is not counted yet; None if all of them are."""

    def attempt(tally: Tally) -> str | None:
        try:
            add_once(store, tally)
        except (StorageUnavailable, Throttled) as error:
            log.warning("a counter could not be updated: %s", error.code)
            return tally.first
        return None

    return min((at for at in parallel.map(attempt, tallies) if at is not None), default=None)


def add_once(store: Counters, tally: Tally) -> None:
    """Adds what the counter does not have yet: all of it, unless this is a retry."""
    counted = store.add(tally, None)
    while counted is not None:
        rest = tally.after(counted)
        if rest is None:
            return
        counted = store.add(rest, counted)
