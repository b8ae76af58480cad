"""Containers of production whose metrics reach `tests.support.cloudwatch` as CloudWatch would read them."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import pytest

import app as application
from chalicelib.settings import Settings
from chalicelib.wiring import Plane
from realtime.testing.event_stores import (
    MemoryArchive,
    MemoryCounters,
    MemoryEventStream,
    MemoryQuarantine,
    MemoryVerdicts,
)
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions, MemoryKeys, MemoryKeySnapshots
from tests.support.aws_metrics import AWS_METRICS
from tests.support.cloudwatch import Metrics, get_period, is_ringing

ENV = "prod"


class Signals:
    """``now`` in epoch seconds: a time goes by when a test says so."""

    def __init__(self) -> None:
        self.now = 1_795_341_600.0
        self.metrics = Metrics()

    def put(self, namespace: str, name: str, value: float, **dimensions: Any) -> None:
        """What AWS itself measures. It must be in its documentation, with these dimensions."""
        sets, _source = AWS_METRICS[namespace, name]
        assert frozenset(dimensions) in sets, (namespace, name, dimensions)
        self.metrics.put(namespace, name, dimensions, value, self.now)

    @contextmanager
    def container(self, function: str, *, budget: float = 60.0, **options: Any) -> Iterator[Plane]:
        """A new container of a function, which app.py uses in the block. It ends with the block.

        ``options`` replace stores, and settings by their REALTIME_… names.
        """
        variables = {name: options.pop(name) for name in list(options) if name.startswith("REALTIME_")}
        settings = Settings.from_env(
            {
                "REALTIME_ENV": ENV,
                "REALTIME_ANSWER_BUDGET": str(budget),
                "AWS_LAMBDA_FUNCTION_NAME": f"realtime-{ENV}-{function}",
                "AWS_LAMBDA_FUNCTION_VERSION": "7",
                "REALTIME_ADMIN": str(int(function == "admin")),
                **variables,
            }
        )
        stores: dict[str, Any] = {
            "definitions": MemoryDefinitions(),
            "assignments": MemoryAssignments(),
            "keys": MemoryKeys(),
            "key_snapshots": MemoryKeySnapshots(),
            "stream": MemoryEventStream(),
            "counters": MemoryCounters(),
            "verdicts": MemoryVerdicts(),
            "archive": MemoryArchive(),
            "quarantine": MemoryQuarantine(),
        }
        plane = Plane(settings, lambda: self.now, **(stores | options))
        with self.read_log(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(application, "plane", lambda: plane)
            yield plane
            plane.end(0.0)

    @contextmanager
    def read_log(self) -> Iterator[None]:
        """What the block prints are log lines of a function."""
        log = io.StringIO()
        with redirect_stdout(log):
            yield
        for line in log.getvalue().splitlines():
            self.metrics.read_line(line)

    def watch(self, alarm: Any, happen: Callable[["Signals"], object]) -> bool:
        """Whether ``alarm`` rings after its condition has held for as long as it looks back."""
        period = get_period(alarm)
        self.now = (self.now // period + 1) * period + 1.0
        for _ in range(alarm["EvaluationPeriods"]):
            happen(self)
            self.now += period
        return is_ringing(alarm, self.metrics, self.now)
