"""Add the tallies of a batch to the counters, each exactly once."""

import logging
from collections.abc import Sequence

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.counters import Counter, Counters, Tally
from chalicelib.services.concurrency import Parallel

log = logging.getLogger(__name__)


def add_tallies(
    counters: Counters,
    tallies: Sequence[Tally],
    parallel: Parallel,
    counted: dict[Counter, str] | None = None,
) -> str | None:
    """The lowest position that is not counted yet; None if all are.

    ``counted`` receives the position up to which each counter counts.
    """

    def add(tally: Tally) -> str | None:
        try:
            _add_once(counters, tally)
        except (StorageUnavailable, Throttled) as error:
            log.warning("a counter could not be updated: %s", error.code)
            return tally.first
        if counted is not None:
            counted[tally.counter] = tally.last
        return None

    return min((position for position in parallel.map(add, tallies) if position is not None), default=None)


def _add_once(counters: Counters, tally: Tally) -> None:
    """Add what the counter does not have yet: the whole tally, unless this is a retry."""
    counted = counters.add(tally, None)
    while counted is not None:
        rest = tally.after(counted)
        if rest is None:
            return
        counted = counters.add(rest, counted)
