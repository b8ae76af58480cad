"""Does anything grow while the load stays the same? By process and measure, and by kind of request."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadtests.load.processes import Usage
from loadtests.load.requests_log import Request, find_percentile

GROWTHS = {"memory": (1.15, 20.0), "threads": (1.2, 8.0), "descriptors": (1.2, 10.0)}
"""By measure: what it may grow to, as a ratio, and by how much at least before that counts."""
LATENCY_GROWTH = (1.5, 10.0)
"""The same of the P50 of a kind of request, in milliseconds."""
KEEPS_ALL = ("emulator", "stub")
"""Processes that keep every row and record in memory, as a store does: their memory may grow."""


@dataclass(frozen=True, slots=True)
class Drift:
    who: str
    what: str
    before: float
    after: float
    is_expected: bool = False

    def __str__(self) -> str:
        note = " (it keeps all data in memory)" if self.is_expected else ""
        return f"{self.who}: {self.what} grew from {self.before:.0f} to {self.after:.0f}{note}"


def find_drifts(usage: Usage, start: float, end: float) -> list[Drift]:
    """Compare the second quarter of the time with the last; in the first, caches are filled."""
    drifts = []
    for name, samples in usage.samples.items():
        for measure, (ratio, least) in GROWTHS.items():
            points = [(sample.at, float(getattr(sample, measure))) for sample in samples]
            before, after = _compare(points, start, end)
            if _has_grown(before, after, ratio, least):
                is_expected = measure == "memory" and name in KEEPS_ALL
                drifts.append(Drift(name, measure, before, after, is_expected))
    return drifts


def find_slower(requests: Sequence[Request], start: float, end: float) -> list[Drift]:
    """Kinds of requests whose P50 grew. Leave out those that were asked under faults."""
    drifts = []
    for name in sorted({request.name for request in requests}):
        points = [(request.at, request.milliseconds) for request in requests if request.name == name]
        before, after = _compare(points, start, end)
        if _has_grown(before, after, *LATENCY_GROWTH):
            drifts.append(Drift(name, "P50 in ms", before, after))
    return drifts


def _has_grown(before: float, after: float, ratio: float, least: float) -> bool:
    return after > ratio * before and after - before > least


def _compare(points: Sequence[tuple[float, float]], start: float, end: float) -> tuple[float, float]:
    """Medians of the second quarter and of the last; both 0 if either has no points."""
    quarter = (end - start) / 4
    before = [value for at, value in points if start + quarter <= at < start + 2 * quarter]
    after = [value for at, value in points if start + 3 * quarter <= at <= end]
    return (median(before), median(after)) if before and after else (0.0, 0.0)


def describe_p50(requests: Sequence[Request], start: float, end: float) -> tuple[float, float]:
    """Of the second quarter and of the last."""
    quarter = (end - start) / 4
    parts = (start + quarter, start + 2 * quarter), (start + 3 * quarter, end)
    first, last = (
        find_percentile(sorted(one.milliseconds for one in requests if since <= one.at <= until), 0.5)
        for since, until in parts
    )
    return first, last
