"""What the callers saw: counts, failures and percentiles, of all the time and of each part of it."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.load.traffic import KINDS

MAX_ERROR_RATE = 0.001


@dataclass(frozen=True, slots=True)
class Request:
    at: float  # seconds since the epoch, when its answer came
    name: str
    milliseconds: float
    has_failed: bool


@dataclass(frozen=True, slots=True)
class Row:
    """All requests of one kind; times in milliseconds."""

    name: str
    requests: int
    failures: int
    per_second: float
    p50: float
    p95: float
    p99: float

    def explain_failure(self, has_limits: bool = True) -> str:
        """Which limit it exceeds; empty if none."""
        if self.failures > MAX_ERROR_RATE * self.requests:
            return f"{self.failures} of {self.requests} failed"
        limit = KINDS[self.name].limit
        return f"P99 {self.p99:.0f} ms is over {limit:.0f} ms" if has_limits and self.p99 > limit else ""


def read_requests(log: Path) -> list[Request]:
    with log.open(newline="") as text:
        return [
            Request(float(at), name, float(ms), failed == "1") for at, name, ms, failed in csv.reader(text)
        ]


def summarize(requests: Iterable[Request], seconds: float) -> list[Row]:
    by_name: Mapping[str, list[Request]] = defaultdict(list)
    for request in requests:
        by_name[request.name].append(request)
    return [_summarize_one(name, by_name[name], seconds) for name in KINDS if name in by_name]


def _summarize_one(name: str, requests: Sequence[Request], seconds: float) -> Row:
    times = sorted(request.milliseconds for request in requests)
    failures = sum(request.has_failed for request in requests)
    percentiles = [find_percentile(times, share) for share in (0.5, 0.95, 0.99)]
    return Row(name, len(times), failures, len(times) / max(seconds, 0.001), *percentiles)


def find_percentile(times: Sequence[float], share: float) -> float:
    """Of sorted ``times``; 0 if there are none."""
    return times[min(int(share * len(times)), len(times) - 1)] if times else 0.0


def split_by_time(requests: Iterable[Request], start: float, seconds: float) -> dict[int, list[Request]]:
    """By the number of the part, each ``seconds`` long, in which they were answered."""
    parts: dict[int, list[Request]] = defaultdict(list)
    for request in requests:
        parts[int((request.at - start) // seconds)].append(request)
    return dict(sorted(parts.items()))
