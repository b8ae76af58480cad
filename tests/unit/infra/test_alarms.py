"""Every alarm rings for its cause, by metrics that the code or AWS emits, and for nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.status.alarms import list_used_tables
from infra import environments, resource_names
from infra.functions import LOGICAL_IDS
from infra.monitoring.alarms import list_alarms
from infra.monitoring.api_alarms import build_throttled_filter
from tests.support.aws_metrics import AWS_METRICS
from tests.support.cloudwatch import evaluate, is_ringing
from tests.support.signals import Signals
from tests.support.synth import everything
from tests.unit.infra.alarm_causes import (
    EmptyBatches,
    HeartbeatAws,
    answer,
    beat,
    call,
    list_causes,
    prepare,
)

PROD = environments.load("prod")
STANDALONE = resource_names.resolve_names("prod", "standalone")
COMPLETE, EXISTING = everything()


def list_variants() -> Iterator[tuple[str, Any, resource_names.ResourceNames]]:
    """Of an existing platform only the alarms that differ."""
    before = []
    for environment, names in ((PROD, STANDALONE), (COMPLETE, EXISTING)):
        for alarm in list_alarms(environment, names):
            properties = alarm.to_resource(environment)["Properties"]
            if properties not in before:
                yield f"{names.platform}-{alarm.name}", properties, names
            before.append(properties)


ALARMS = {name: (properties, names) for name, properties, names in list_variants()}
CASES = [
    pytest.param(name, index, id=f"{name}-{index}")
    for name, (_, names) in ALARMS.items()
    for index, _ in enumerate(
        list_causes(names.get_name, list_used_tables(names.platform, "table")).get(name.partition("-")[2], ())
    )
]


def get_causes(name: str) -> tuple[Any, ...]:
    _, names = ALARMS[name]
    tables = list_used_tables(names.platform, "memory")
    return list_causes(names.get_name, tables)[name.partition("-")[2]]


@pytest.mark.parametrize(("name", "index"), CASES)
def test_an_alarm_rings_for_its_cause(name: str, index: int) -> None:
    assert Signals().watch(ALARMS[name][0], get_causes(name)[index])


@pytest.mark.parametrize("name", ALARMS)
def test_every_alarm_has_a_cause_in_these_tests(name: str) -> None:
    assert get_causes(name)


def test_a_quiet_service_rings_nothing_but_its_missing_heartbeat() -> None:
    ringing = [name for name, (alarm, _) in ALARMS.items() if Signals().watch(alarm, lambda _: None)]
    assert ringing == ["standalone-heartbeat"]


def test_a_healthy_service_rings_nothing() -> None:
    signals, aws, minutes = Signals(), HeartbeatAws(), 15
    start = signals.now = (signals.now // 900 + 1) * 900
    for function in LOGICAL_IDS:
        signals.now = start
        with signals.container(function) as plane:
            prepare(plane, EmptyBatches())
            for _ in range(minutes):
                call(signals, function, 40)
                signals.now += 60
    signals.now = start
    for _ in range(minutes):
        beat(aws)(signals)
        signals.now += 60
    ringing = [name for name, (alarm, _) in ALARMS.items() if is_ringing(alarm, signals.metrics, signals.now)]
    assert ringing == []
    assert len(signals.metrics.samples) > 20


def test_a_misspelt_name_or_dimension_never_rings() -> None:
    """Else the tests above would hold for any alarm."""
    alarm = ALARMS["standalone-feature_flags-latency"][0]
    cause = get_causes("standalone-feature_flags-latency")[0]
    for right, wrong in (("Slow", "Slowly"), ("realtime-prod-feature_flags", "realtime-prod-flags")):
        misspelt = json.loads(json.dumps(alarm).replace(right, wrong))
        assert misspelt != alarm
        assert not Signals().watch(misspelt, cause)


def test_few_calls_have_no_percentile() -> None:
    alarm = ALARMS["standalone-assignment-latency"][0]
    few = answer("assignment", budget=0.0, calls=100)
    assert not Signals().watch(alarm, few)


def test_every_metric_of_aws_is_in_its_documentation_with_these_dimensions() -> None:
    checked = 0
    for alarm, _ in ALARMS.values():
        stats = [query["MetricStat"] for query in alarm.get("Metrics", ()) if "MetricStat" in query]
        for metric in [stat["Metric"] for stat in stats] or [alarm]:
            if metric["Namespace"] == "realtime":
                continue
            sets, source = AWS_METRICS[metric["Namespace"], metric["MetricName"]]
            assert frozenset(dimension["Name"] for dimension in metric["Dimensions"]) in sets
            assert source.startswith("https://docs.aws.amazon.com/")
            checked += 1
    assert checked > 50


def test_the_filter_finds_answers_of_429() -> None:
    properties = build_throttled_filter(PROD, "/aws/apigateway/realtime-prod")["Properties"]
    (counted,) = properties["MetricTransformations"]
    alarm = json.dumps(ALARMS["standalone-api-throttled"][0])
    assert f'"{counted["MetricName"]}"' in alarm
    assert f'"{counted["MetricNamespace"]}"' in alarm
    assert '$.status = "429"' in properties["FilterPattern"]


def test_no_two_alarms_of_an_environment_have_the_same_name() -> None:
    names = [alarm.name for alarm in list_alarms(COMPLETE, EXISTING)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("100 * part / whole", {1: 10.0}),
        ("SUM([part, whole])", {1: 11.0, 2: 20.0}),
        ("MAX(METRICS())", {1: 10.0, 2: 20.0}),
        ("IF(whole > 10, 100 * part / whole, 0)", {1: 0.0}),
        ("IF(whole > 5, part, 0)", {1: 1.0}),
        ("1 - part", {1: 0.0}),
    ],
)
def test_metric_math_is_that_of_cloudwatch(expression: str, expected: dict[int, float]) -> None:
    """A time that only one of two series has is missing; in an array, what is missing does not count."""
    assert evaluate(expression, {"part": {1: 1.0}, "whole": {1: 10.0, 2: 20.0}}) == expected
