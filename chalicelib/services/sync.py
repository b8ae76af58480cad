"""Count assigned users from the assignments table's stream: one for each row, whatever tracking dropped."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib import deadline
from chalicelib.domain.assigned import changes, sequence_number, shard_of
from chalicelib.domain.counting import position
from chalicelib.services.count import Counters, count
from chalicelib.services.parallel import Parallel
from chalicelib.services.split import SplitWatch

SECONDS_TO_ANSWER = 1.0


class AssignmentSync:
    """Call it with Lambda's event, the seconds that remain and the epoch seconds now."""

    def __init__(self, counters: Counters, parallel: Parallel, split: SplitWatch) -> None:
        self._counters = counters
        self._parallel = parallel
        self._split = split

    def __call__(
        self, event: Mapping[str, Any], remaining: Callable[[], float], now: float
    ) -> dict[str, Any]:
        """Lambda takes an answer without ``state`` for a failure where the event has a window."""
        records = event.get("Records") or []  # none in the call that ends a window
        with deadline.within(lambda: remaining() - SECONDS_TO_ANSWER):
            tallies = changes(records, shard_of(event))
            failed = count(self._counters, tallies, self._parallel)
            self._split.look({tally.counter.scope for tally in tallies}, now)
        numbers = [sequence_number(record) for record in records]
        failures = [{"itemIdentifier": number} for number in numbers if position(number) == failed]
        return {"batchItemFailures": failures} | ({"state": {}} if "window" in event else {})
