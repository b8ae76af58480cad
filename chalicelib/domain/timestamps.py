"""Instants as they are stored and answered: ISO 8601, UTC, milliseconds, Z."""

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(10_000)  # answers to a hot user repeat the instant of the assignment: 0.1 µs instead of 1
def iso(at: float) -> str:
    """Epoch seconds as text; whole milliseconds survive the way there and back exactly."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def epoch(text: str) -> float:
    """ISO 8601 with an offset or Z as epoch seconds."""
    return datetime.fromisoformat(text).timestamp()
