"""Metrics in CloudWatch's embedded metric format: summed in the container, one line an interval, no ids."""

import json
from collections.abc import Callable
from math import inf
from threading import Lock
from typing import Any, Protocol

NAMESPACE = "realtime"
MAX_METRICS = 100
"""At most in one directive of CloudWatch."""
VERSIONED = frozenset(("Answered", "Slow", "Failed", "Quarantined"))
"""Also counted for each version of the function, since releases watch the new one."""


class MetricsRecorder(Protocol):
    """What services and stores need of `Metrics`."""

    def record(self, name: str, value: float = 1) -> None: ...
    def record_peak(self, name: str, value: float) -> None: ...
    def count_answer(self, seconds: float, has_failed: bool) -> None: ...
    def after_answer(self) -> None: ...
    def flush(self) -> None: ...


class Metrics:
    """``emit`` gets a line of JSON every ``interval`` seconds, or never if that is infinite.

    ``clock`` is epoch seconds. A metric is one number, so record either sums or peaks under a name. An answer
    is slow if it took over ``budget`` seconds.
    """

    def __init__(
        self,
        env: str,
        function: str,
        interval: float,
        clock: Callable[[], float],
        emit: Callable[[str], object],
        *,
        version: str = "local",
        budget: float = inf,
    ) -> None:
        self._dimensions = {"Environment": env, "Function": function}
        self._version = version
        self._budget = budget
        self._answered = 0
        self._interval = interval
        self._clock = clock
        self._emit = emit
        self._lock = Lock()
        self._values: dict[str, float] = {}
        self._next_flush = clock() + interval

    def record(self, name: str, value: float = 1) -> None:
        """Adds ``value`` to ``name`` in the next line; watch the metric's sum."""
        with self._lock:
            self._set(name, self._values.get(name, 0) + value)

    def record_peak(self, name: str, value: float) -> None:
        """The next line has the largest ``value`` of ``name``; watch the metric's maximum."""
        with self._lock:
            self._set(name, max(self._values.get(name, value), value))

    def count_answer(self, seconds: float, has_failed: bool) -> None:
        """One answer, of a request or a batch, at its end. It emits nothing: `after_answer` does.

        Every request pays for it, so it takes no lock: a container of Lambda has one request at a time.
        """
        self._answered += 1
        if seconds > self._budget:
            self.record("Slow")
        if has_failed:
            self.record("Failed")

    def after_answer(self) -> None:
        """Emits failures at once, since nothing may come after them, and the rest once an interval."""
        if "Failed" in self._values or self._clock() >= self._next_flush:
            self.flush()

    def flush(self) -> None:
        """Emits what was recorded; call it before the container ends, or freezes for long."""
        with self._lock:
            if self._interval < inf:
                self._flush()

    def _set(self, name: str, value: float) -> None:
        self._values[name] = value
        if self._clock() >= self._next_flush:
            self._flush()

    def _flush(self) -> None:
        now = self._clock()
        self._next_flush = now + self._interval
        values, self._values = self._values, {}
        answered, self._answered = self._answered, 0
        if answered:
            values["Answered"] = answered
        if values:
            self._emit(json.dumps(self._make_line(values, now), separators=(",", ":")))

    def _make_line(self, values: dict[str, float], now: float) -> dict[str, Any]:
        versioned = sorted(values.keys() & VERSIONED)
        sets = [[*self._dimensions]]
        directives = [
            *_build_directives([name for name in values if name not in VERSIONED], sets),
            *_build_directives(versioned, [*sets, [*self._dimensions, "Version"]]),
        ]
        metadata = {"Timestamp": int(now * 1000), "CloudWatchMetrics": directives}
        version = {"Version": self._version} if versioned else {}
        return {"_aws": metadata, **self._dimensions, **version, **values}


def _build_directives(names: list[str], dimension_sets: list[list[str]]) -> list[dict[str, Any]]:
    return [
        {
            "Namespace": NAMESPACE,
            "Dimensions": dimension_sets,
            "Metrics": [{"Name": name} for name in names[first : first + MAX_METRICS]],
        }
        for first in range(0, len(names), MAX_METRICS)
    ]
