"""Compares counters with the archive, as `recount` does."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.domain.stream.counters import Counters
from realtime.recount.differences import compare, sum_items
from realtime.recount.expected import IN_FLIGHT_SECONDS, Reader


def list_disagreements(counters: Counters, lines: Iterable[Mapping[str, Any]], scope: str) -> list[Any]:
    """Counters that differ, and events that are in the archive alone. All is counted that ever will be."""
    counted = counters.read_positions(scope)
    reader = Reader(counted.positions, {scope}, {}, time.time() + IN_FLIGHT_SECONDS + 60)
    reader.add_lines(lines)
    comparison = compare(sum_items(counted.items), reader.expected)
    assert bool(comparison.places) == bool(counted.items)
    assert comparison.not_archived == []
    return [*comparison.differences, *reader.expected.late.items()]
