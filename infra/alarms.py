"""Every alarm, with its metric and threshold. docs/runbook.md says what to do about each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.environments import Environment, FunctionName
from infra.functions import LOGICAL_IDS
from infra.metrics import (
    Dimensions,
    Query,
    build_comparison,
    build_function_query,
    build_query,
    build_service_query,
    combine,
)
from infra.resource_names import ResourceNames

RUNBOOK = "docs/runbook.md"
ERROR_RATE_PERCENT = 1.0
ERROR_RATE_EXPRESSION = "100 * failed / MAX([called, 1])"
"""Per cent; 0 without calls."""
ITERATOR_AGE_MS = 60_000
RARE_METRIC_SECONDS = 900
"""The period of alarms on metrics that are recorded once in several minutes.

With a period of one minute, such an alarm would go off and on.
"""
STALE_SECONDS = 60
"""A kill switch is promised within 10 seconds."""


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
        *_list_data_alarms(names),
        *_list_service_alarms(environment),
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


def _list_data_alarms(names: ResourceNames) -> Iterator[Alarm]:
    for setting in sorted(names.by_setting):
        if setting.endswith("_table") and setting != "contexts_table":  # a sample may miss decisions
            table = {"TableName": names.get_name(setting)}
            parts = [
                build_query("reads", "AWS/DynamoDB", "ReadThrottleEvents", table, "Sum"),
                build_query("writes", "AWS/DynamoDB", "WriteThrottleEvents", table, "Sum"),
            ]
            name = setting.removesuffix("_table")
            queries = combine("SUM(METRICS())", parts)  # a metric without data counts as 0
            yield Alarm(f"{name}-table-throttles", f"DynamoDB throttles the table {name}.", tuple(queries))
    stream = {"StreamName": names.get_name("event_stream")}
    full = build_query("full", "AWS/Kinesis", "WriteProvisionedThroughputExceeded", stream, "Sum")
    yield Alarm("stream-throttles", "A shard of the event stream takes no more.", (full,))
    for name, setting, description in (
        ("quarantine-not-empty", "quarantine_queue", "Poison records wait for somebody to look."),
        ("failed-batches-not-empty", "failure_queue", "Lambda gave up on a batch of a stream."),
    ):
        queue = {"QueueName": names.get_name(setting)}
        waiting = build_query("waiting", "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Maximum")
        yield Alarm(name, description, (waiting,))


def _list_service_alarms(environment: Environment) -> Iterator[Alarm]:
    stream_functions: tuple[FunctionName, ...] = ("event_processor", "assignment_sync")
    for name in stream_functions:
        age = build_function_query("age", "IteratorAge", name, environment, "Maximum")
        description = f"{name} is over a minute behind its stream."
        yield Alarm(f"{name}-iterator-age", description, (age,), ITERATOR_AGE_MS, breaching=3, periods=5)
    deciding_functions: tuple[FunctionName, ...] = ("assignment", "feature_flags")
    dropped = _combine_functions("TrackingDropped", deciding_functions, environment, "Sum", "SUM")
    yield Alarm("tracking-drops", "Exposures were dropped: the buffer was full.", dropped)
    functions_with_definitions: tuple[FunctionName, ...] = (
        "assignment",
        "feature_flags",
        "ingest",
        "event_processor",
    )
    ages = _combine_functions("DefinitionsAge", functions_with_definitions, environment, "Maximum", "MAX")
    description = "Definitions are over a minute old: a kill switch may not be in force."
    yield Alarm("stale-definitions", description, ages, STALE_SECONDS)
    broken = _combine_functions(
        "InvalidDefinition", functions_with_definitions, environment, "Sum", "SUM", RARE_METRIC_SECONDS
    )
    yield Alarm("invalid-definition", "A definition in a table cannot be loaded.", broken)
    lost = _combine_functions(
        "AssignmentNotStored", ("assignment",), environment, "Sum", "SUM", RARE_METRIC_SECONDS
    )
    yield Alarm("assignment-not-stored", "A decided assignment could not be written, twice.", lost)
    mismatch = _combine_functions(
        "SampleRatioMismatch", ("assignment_sync",), environment, "Maximum", "MAX", RARE_METRIC_SECONDS
    )
    yield Alarm("sample-ratio-mismatch", "An experiment's users are not split as asked for.", mismatch)
    refused = _combine_functions(
        "PostgresRowsRefused", ("assignment_sync",), environment, "Sum", "SUM", RARE_METRIC_SECONDS
    )
    yield Alarm("postgres-rows-refused", "PostgreSQL will never take some assignments.", refused)


def _combine_functions(
    name: str,
    functions: tuple[FunctionName, ...],
    environment: Environment,
    statistic: str,
    combination: str,
    period: int = 60,
) -> tuple[Query, ...]:
    parts = [
        build_service_query(function, name, function, environment, statistic, period)
        for function in functions
    ]
    return tuple(combine(f"{combination}(METRICS())", parts) if len(parts) > 1 else parts)
