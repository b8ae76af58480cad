"""Metrics in CloudWatch's embedded metric format: added up in the container, one line an interval, no ids."""

import json
from collections.abc import Callable
from threading import Lock
from typing import Any

NAMESPACE = "realtime"
MAX_VALUES = 100
"""That CloudWatch takes of one metric in a line, and metrics in a directive."""


class Metrics:
    """``emit`` gets a line of JSON when ``interval`` seconds have passed; ``clock`` is epoch seconds."""

    def __init__(
        self,
        env: str,
        function: str,
        interval: float,
        clock: Callable[[], float],
        emit: Callable[[str], object],
    ) -> None:
        self._dimensions = {"Environment": env, "Function": function}
        self._interval = interval
        self._clock = clock
        self._emit = emit
        self._lock = Lock()
        self._values: dict[str, _Statistics] = {}
        self._due = clock() + interval

    def record(self, name: str, value: float = 1) -> None:
        """Adds to what the next line says of ``name``."""
        with self._lock:
            full = self._values.setdefault(name, _Statistics()).add(value)
            if full or self._clock() >= self._due:
                self._flush()

    def flush(self) -> None:
        """Emits what there is; called when the container is about to end."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        now = self._clock()
        self._due = now + self._interval
        values, self._values = self._values, {}
        if values:
            self._emit(json.dumps(self._line(values, now), separators=(",", ":")))

    def _line(self, values: dict[str, "_Statistics"], now: float) -> dict[str, Any]:
        names = list(values)
        directives = [
            {
                "Namespace": NAMESPACE,
                "Dimensions": [list(self._dimensions)],
                "Metrics": [{"Name": name} for name in names[first : first + MAX_VALUES]],
            }
            for first in range(0, len(names), MAX_VALUES)
        ]
        found = {name: statistics.shown() for name, statistics in values.items()}
        metadata = {"Timestamp": int(now * 1000), "CloudWatchMetrics": directives}
        return {"_aws": metadata, **self._dimensions, **found}


class _Statistics:
    """Values to two digits, each with how often it was seen: what CloudWatch makes percentiles of."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[float, int] = {}

    def add(self, value: float) -> bool:
        """True when no other value fits: CloudWatch takes 100."""
        rounded = float(f"{value:.2g}")
        self._counts[rounded] = self._counts.get(rounded, 0) + 1
        return len(self._counts) == MAX_VALUES

    def shown(self) -> dict[str, list[float]]:
        return {"Values": list(self._counts), "Counts": [float(count) for count in self._counts.values()]}
