"""The embedded metric format: lines that CloudWatch accepts, one an interval."""

import json
from contextlib import nullcontext
from math import inf
from typing import Any

import pytest

from chalicelib.answers import Unexpected
from chalicelib.metrics import MAX_METRICS, NAMESPACE, Metrics
from chalicelib.settings import Settings
from chalicelib.wiring import Plane


class Container:
    """A container's metrics; each line must have CloudWatch's format."""

    def __init__(self, interval: float = 60.0) -> None:
        self.now = 1_800_000_000.0
        self.lines: list[dict[str, Any]] = []
        self.metrics = Metrics("prod", "realtime-prod-assignment", interval, lambda: self.now, self._take)

    def _take(self, text: str) -> None:
        line = json.loads(text)
        check_format(line)
        self.lines.append(line)


def check_format(line: dict[str, Any]) -> None:
    """The rules of "Specification: Embedded metric format" in CloudWatch's user guide."""
    metadata = line["_aws"]
    assert metadata.keys() == {"Timestamp", "CloudWatchMetrics"}
    assert isinstance(metadata["Timestamp"], int)
    for directive in metadata["CloudWatchMetrics"]:
        assert directive.keys() == {"Namespace", "Dimensions", "Metrics"}
        assert 1 <= len(directive["Namespace"]) <= 1024
        for dimensions in directive["Dimensions"]:
            assert len(dimensions) <= 30
            assert all(isinstance(line[name], str) and len(line[name]) <= 1024 for name in dimensions)
        assert len(directive["Metrics"]) <= 100
        for metric in directive["Metrics"]:
            assert metric.keys() <= {"Name", "Unit", "StorageResolution"}
            assert 1 <= len(metric["Name"]) <= 1024
            values = line[metric["Name"]]
            values = values if isinstance(values, list) else [values]
            assert 1 <= len(values) <= 100
            assert all(type(value) in (int, float) and abs(value) < inf for value in values)


def test_a_line_comes_once_an_interval_however_much_is_recorded() -> None:
    container = Container()
    for _ in range(1000):
        container.metrics.record("Evaluations")
    assert container.lines == []
    container.now += 60
    container.metrics.record("Evaluations")
    (line,) = container.lines
    assert line["Evaluations"] == 1001


def test_a_line_says_what_cloudwatch_asks_for() -> None:
    container = Container()
    container.metrics.record("Latency", 12.34)
    container.metrics.flush()
    (line,) = container.lines
    assert line["Latency"] == 12.34
    assert line["_aws"]["Timestamp"] == 1_800_000_000_000
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert directive["Dimensions"] == [["Environment", "Function"]]
    assert directive["Metrics"] == [{"Name": "Latency"}]
    assert (line["Environment"], line["Function"]) == ("prod", "realtime-prod-assignment")


def test_more_metrics_than_a_directive_takes_get_another_one() -> None:
    container = Container()
    for number in range(MAX_METRICS + 1):
        container.metrics.record(f"Assigned.experiment-{number}.control", number)
    container.metrics.flush()
    (line,) = container.lines
    sizes = [len(directive["Metrics"]) for directive in line["_aws"]["CloudWatchMetrics"]]
    assert sizes == [MAX_METRICS, 1]


def test_of_a_peak_the_line_has_the_largest_value_and_the_next_line_none() -> None:
    container = Container()
    for age in (61.5, 300.25, 12.0):
        container.metrics.record_peak("DefinitionsAge", age)
    container.metrics.flush()
    container.metrics.record_peak("DefinitionsAge", 7.0)
    container.metrics.flush()
    assert [line["DefinitionsAge"] for line in container.lines] == [300.25, 7.0]


def test_without_an_interval_there_is_never_a_line() -> None:
    container = Container(interval=inf)
    container.metrics.record("EventsProcessed")
    container.metrics.flush()
    assert container.lines == []


def test_nothing_recorded_is_no_line() -> None:
    container = Container()
    container.metrics.flush()
    assert container.lines == []


@pytest.mark.parametrize("fails", [False, True])
def test_metrics_of_a_stream_batch_are_emitted_with_it(fails: bool) -> None:
    container = Container()
    plane = Plane(Settings.from_env({"REALTIME_ENV": "prod"}))
    plane.metrics = container.metrics

    class Service:
        def process(self, *_: Any) -> dict[str, Any]:
            plane.metrics.record("Quarantined")
            if fails:
                raise RuntimeError
            return {"batchItemFailures": []}

        sync = process

    service: Any = Service()
    plane.event_processor = plane.assignment_sync = service
    for call in (plane.process, plane.sync):
        with pytest.raises(Unexpected) if fails else nullcontext():
            call({"Records": []}, lambda: 30.0)
    assert [line["Quarantined"] for line in container.lines] == [1, 1]
