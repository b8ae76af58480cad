"""The embedded metric format: what CloudWatch takes, one line an interval, nothing that names anybody."""

import json
from typing import Any

from chalicelib.metrics import MAX_VALUES, NAMESPACE, Metrics


class Container:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.lines: list[dict[str, Any]] = []
        emit = lambda line: self.lines.append(json.loads(line))  # noqa: E731 - as short as it is
        self.metrics = Metrics("prod", "realtime-prod-assignment", 60.0, lambda: self.now, emit)


def test_a_line_comes_once_an_interval_however_much_is_recorded() -> None:
    container = Container()
    for _ in range(1000):
        container.metrics.record("Evaluations")
    assert container.lines == []
    container.now += 60
    container.metrics.record("Evaluations")
    (line,) = container.lines
    assert line["Evaluations"] == {"Values": [1.0], "Counts": [1001.0]}


def test_a_line_says_what_cloudwatch_asks_for() -> None:
    container = Container()
    container.metrics.record("Latency", 12.34)
    container.metrics.flush()
    (line,) = container.lines
    assert line["Latency"] == {"Values": [12.0], "Counts": [1.0]}
    assert line["_aws"]["Timestamp"] == 1_800_000_000_000
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert directive["Dimensions"] == [["Environment", "Function"]]
    assert directive["Metrics"] == [{"Name": "Latency"}]
    assert (line["Environment"], line["Function"]) == ("prod", "realtime-prod-assignment")


def test_more_metrics_than_a_directive_takes_get_another_one() -> None:
    container = Container()
    for number in range(MAX_VALUES + 1):
        container.metrics.record(f"Assigned.experiment-{number}.control", number)
    container.metrics.flush()
    (line,) = container.lines
    sizes = [len(one["Metrics"]) for one in line["_aws"]["CloudWatchMetrics"]]
    assert sizes == [MAX_VALUES, 1]


def test_more_values_than_a_metric_takes_end_the_line_early() -> None:
    container = Container()
    for number in range(MAX_VALUES):
        container.metrics.record("Share", 10.0**number)
    (line,) = container.lines
    assert len(line["Share"]["Values"]) == MAX_VALUES


def test_nothing_recorded_is_no_line() -> None:
    container = Container()
    container.metrics.flush()
    assert container.lines == []
