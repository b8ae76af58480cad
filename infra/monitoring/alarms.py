"""Every alarm, with its metric and threshold. docs/runbook.md says what to do about each.

Those on data are described in realtime/alarms.py, since `status` judges by the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.environments import Environment
from infra.functions import LOGICAL_IDS
from infra.monitoring.metrics import (
    Dimensions,
    Query,
    build_comparison,
    build_function_query,
    build_query,
    combine,
)
from infra.resource_names import ResourceNames
from realtime.alarms import Condition, list_conditions

RUNBOOK = "docs/runbook.md"
ERROR_RATE_PERCENT = 1.0
ERROR_RATE_EXPRESSION = "100 * failed / MAX([called, 1])"
"""Per cent; 0 without calls."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """In alarm while ``breaching`` of the last ``periods`` were above ``threshold``.

    A period without data counts as below.
    """

    name: str
    description: str
    queries: tuple[Query, ...]
    threshold: float = 0
    breaching: int = 1
    periods: int = 1
    page: str = RUNBOOK

    def to_resource(self, environment: Environment, topic: dict[str, str] | None = None) -> dict[str, Any]:
        actions = {"AlarmActions": [topic], "OKActions": [topic]} if topic else {}
        return {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": f"realtime-{environment.name}-{self.name}",
                "AlarmDescription": f"{self.description} {self.page}#{self.name}",
                **build_comparison(self.queries),
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": self.threshold,
                "EvaluationPeriods": self.periods,
                "DatapointsToAlarm": self.breaching,
                "TreatMissingData": "notBreaching",
                **actions,
            },
        }


def list_alarms(environment: Environment, names: ResourceNames) -> tuple[Alarm, ...]:
    return (
        *_list_function_alarms(environment),
        *_list_api_alarms(environment),
        *_list_data_alarms(environment, names),
    )


def _list_function_alarms(environment: Environment) -> Iterator[Alarm]:
    for name in LOGICAL_IDS:
        called = build_function_query("called", "Invocations", name, environment, "Sum")
        failed = build_function_query("failed", "Errors", name, environment, "Sum")
        rate = combine(ERROR_RATE_EXPRESSION, [called, failed])
        yield Alarm(
            f"{name}-errors",
            f"More than 1 % of {name} fail.",
            tuple(rate),
            ERROR_RATE_PERCENT,
            breaching=3,
            periods=5,
        )
        budget = environment.functions[name].p99_ms
        slowest = build_function_query("p99", "Duration", name, environment, "p99")
        description = f"One in a hundred of {name} takes longer than {budget} ms."
        yield Alarm(f"{name}-latency", description, (slowest,), budget, breaching=5, periods=10)
        throttled = build_function_query("throttled", "Throttles", name, environment, "Sum")
        description = f"{name} is at its reserved concurrency."
        yield Alarm(f"{name}-throttles", description, (throttled,), breaching=2, periods=5)


def _list_api_alarms(environment: Environment) -> Iterator[Alarm]:
    failures = build_api_error_rate(environment)
    yield Alarm("api-errors", "More than 1 % of requests get a 5xx.", failures, ERROR_RATE_PERCENT, 3, 5)


def build_api_error_rate(environment: Environment) -> tuple[Query, ...]:
    """Per cent of requests that get a 5xx."""
    api: Dimensions = {"ApiName": f"realtime-{environment.name}"}
    called = build_query("called", "AWS/ApiGateway", "Count", api, "Sum")
    failed = build_query("failed", "AWS/ApiGateway", "5XXError", api, "Sum")
    return tuple(combine(ERROR_RATE_EXPRESSION, [called, failed]))


def _list_data_alarms(environment: Environment, names: ResourceNames) -> Iterator[Alarm]:
    for condition in list_conditions(environment.name, names.by_setting, names.get_name):
        yield Alarm(
            condition.name,
            condition.description,
            _build_queries(condition),
            condition.threshold,
            condition.breaching,
            condition.periods,
        )


def _build_queries(condition: Condition) -> tuple[Query, ...]:
    """A metric without data counts as 0."""
    parts = [
        build_query(
            metric.label,
            metric.namespace,
            metric.name,
            dict(metric.dimensions),
            metric.statistic,
            metric.period,
        )
        for metric in condition.metrics
    ]
    return tuple(combine(f"{condition.combination}(METRICS())", parts) if len(parts) > 1 else parts)
