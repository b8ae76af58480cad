"""The environments are large enough for the loads that they promise, by the model of `realtime capacity`."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra import environments, resource_names
from infra.environments import Environment
from infra.front_doors.rest import build_stage
from infra.monitoring.alarms import list_alarms
from realtime.capacity import costs, work
from realtime.capacity.facts import MEASURED_FILE
from realtime.capacity.load import HEADROOM, Load
from realtime.capacity.quotas import UNRESERVED, list_quotas
from realtime.capacity.sizing import Size, compute_size
from tests.support.paths import ROOT

ALL = [environments.load(name) for name in environments.NAMES]
PROD = environments.load("prod")


def build_load(environment: Environment) -> Load:
    """Every event alone in its request: the most that clients can do."""
    peak, settings = environment.peak, environment.settings
    return Load(
        assigns=peak.assigns,
        flags=peak.flags,
        events_per_hour=peak.events_per_hour,
        events_per_request=1,
        front=environment.api,
        tracked=0 if settings.get("REALTIME_TRACKING") == "false" else 1,
    )


def list_shortages(environment: Environment) -> list[str]:
    load = build_load(environment)
    size = compute_size(load)
    shortages = [
        f"{name} reserves {function.reserved}, needs {size.functions[name].units}"
        for name, function in environment.functions.items()
        if name in work.MEMORY_MB
        and function.reserved is not None
        and function.reserved < size.functions[name].units
    ]
    if environment.throttle.rate < load.requests * HEADROOM:
        shortages.append(
            f"the API lets {environment.throttle.rate} through, needs {load.requests * HEADROOM}"
        )
    if environment.shards is not None and environment.shards < size.shards:
        shortages.append(f"the stream has {environment.shards} shards, needs {size.shards}")
    return shortages


@pytest.mark.parametrize("environment", ALL, ids=lambda environment: environment.name)
def test_an_environment_has_room_for_its_peak(environment: Environment) -> None:
    assert list_shortages(environment) == []


def test_production_is_sized_for_what_is_promised() -> None:
    peak = PROD.peak
    assert (peak.assigns, peak.flags, peak.events_per_hour) == (10_000, 20_000, 1_000_000)


@pytest.mark.parametrize("name", work.MEMORY_MB)
def test_a_function_that_reserves_less_is_found(name: environments.FunctionName) -> None:
    needed = compute_size(build_load(PROD)).functions[name].units
    short = replace(PROD.functions[name], reserved=needed - 1)
    assert list_shortages(replace(PROD, functions={**PROD.functions, name: short})) == [
        f"{name} reserves {needed - 1}, needs {needed}"
    ]


def test_reserved_500_would_cap_flags_at_a_quarter_of_the_promise() -> None:
    """What production had: 10 requests a second for each unit, however short they are."""
    size = compute_size(build_load(PROD))
    assert size.functions["feature_flags"].by_duration < 500 < size.functions["feature_flags"].by_rate


@pytest.mark.parametrize("environment", ALL, ids=lambda environment: environment.name)
def test_the_model_has_the_memory_of_the_environments(environment: Environment) -> None:
    memory = {name: function.memory for name, function in environment.functions.items()}
    assert {name: memory[name] for name in memory if name not in ("webhooks", "admin")} == work.MEMORY_MB


def test_the_model_knows_how_many_metrics_alarms_name() -> None:
    names = resource_names.resolve_names("prod", "standalone")
    resources = [alarm.to_resource(PROD, None)["Properties"] for alarm in list_alarms(PROD, names)]
    counted = sum(count_metrics(properties) for properties in resources)
    assert counted == pytest.approx(costs.ALARM_METRICS, rel=0.6)


def count_metrics(alarm: dict[str, Any]) -> int:
    return sum("MetricStat" in query for query in alarm.get("Metrics", ())) or 1


def test_the_model_knows_how_long_a_line_of_the_access_log_is() -> None:
    values = {
        "$context.requestId": "x" * 36,
        "$context.integration.requestId": "x" * 36,
        "$context.xrayTraceId": "x" * 40,
        "$context.requestTimeEpoch": "1" * 13,
        "$context.resourcePath": "/flags/evaluate",
    }
    fields = json.loads(build_stage(PROD)["AccessLogSetting"]["Format"])
    line = json.dumps(
        {name: values.get(value, "200") for name, value in fields.items()}, separators=(",", ":")
    )
    assert len(line) + 26 == pytest.approx(costs.ACCESS_LOG_BYTES, rel=0.15)


def test_the_table_of_quotas_has_the_number_for_each_target() -> None:
    """docs/deployment.md, one column for each environment, and one for 100,000 decisions a second."""
    loads = [*map(build_load, ALL), Load(100_000 / 3, 200_000 / 3, events_per_hour=1_000_000)]
    sizes = list(map(compute_size, loads))
    columns = [list_quotas(load, size) for load, size in zip(loads, sizes, strict=True)]
    text = (ROOT / "docs" / "deployment.md").read_text()
    for quotas in zip(*columns, strict=True):
        needed = [quota.needed for quota in quotas]
        if quotas[0].name.startswith("Lambda"):
            needed[:3] = [count_concurrency(environment) for environment in ALL]
        cells = " | ".join(f"{number:,}" for number in (quotas[0].default, *needed))
        assert f"| {quotas[0].name} | {cells} |" in text


def count_concurrency(environment: Environment) -> int:
    return UNRESERVED + sum(function.reserved or 0 for function in environment.functions.values())


def test_each_quota_says_where_it_is_raised() -> None:
    load = build_load(PROD)
    size: Size = compute_size(load)
    assert all(quota.how for quota in list_quotas(load, size))


def test_what_was_measured_has_its_date_and_its_command() -> None:
    measured = json.loads(Path(MEASURED_FILE).read_text())
    assert measured["by"] == "python -m loadtests.measure_capacity"
    assert measured["measured_on"] >= "2026-11-26"
