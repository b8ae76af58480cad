"""Every alarm: what it compares with what. docs/runbook.md says what to do about each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infra.environments import Environment, FunctionName
from infra.functions import LOGICAL
from infra.metrics import Dimensions, Query, compared, metric, of_function, of_service, shown
from infra.resource_names import ResourceNames

RUNBOOK = "docs/runbook.md"
ERROR_RATE = 1.0
"""Per cent, and how it is computed where nobody may have called."""
RATE = "100 * failed / MAX([called, 1])"
ITERATOR_AGE_MS = 60_000
RARE = 900
"""Seconds that an alarm of what is recorded once in minutes looks back: a minute's would come and go."""
STALE_SECONDS = 60
"""A kill switch is promised within ten."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Rings while ``breaching`` of ``of`` periods were above ``threshold``; silence is health."""

    name: str
    says: str
    queries: tuple[Query, ...]
    threshold: float = 0
    breaching: int = 1
    of: int = 1
    page: str = RUNBOOK

    def resource(self, environment: Environment, topic: dict[str, str] | None = None) -> dict[str, Any]:
        told = {"AlarmActions": [topic], "OKActions": [topic]} if topic else {}
        return {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": f"realtime-{environment.name}-{self.name}",
                "AlarmDescription": f"{self.says} {self.page}#{self.name}",
                **compared(self.queries),
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": self.threshold,
                "EvaluationPeriods": self.of,
                "DatapointsToAlarm": self.breaching,
                "TreatMissingData": "notBreaching",
                **told,
            },
        }


def alarms(environment: Environment, places: ResourceNames) -> tuple[Alarm, ...]:
    found = [*_functions(environment), *_api(environment), *_data(places), *_service(environment)]
    return tuple(found)


def _functions(environment: Environment) -> Iterator[Alarm]:
    for name in LOGICAL:
        called = of_function("called", "Invocations", name, environment, "Sum")
        failed = of_function("failed", "Errors", name, environment, "Sum")
        rate = shown(RATE, [called, failed])
        yield Alarm(
            f"{name}-errors", f"More than 1 % of {name} fail.", tuple(rate), ERROR_RATE, breaching=3, of=5
        )
        budget = environment.functions[name].p99_ms
        slowest = of_function("p99", "Duration", name, environment, "p99")
        says = f"One in a hundred of {name} takes longer than {budget} ms."
        yield Alarm(f"{name}-latency", says, (slowest,), budget, breaching=5, of=10)
        throttled = of_function("throttled", "Throttles", name, environment, "Sum")
        says = f"{name} is at its reserved concurrency."
        yield Alarm(f"{name}-throttles", says, (throttled,), breaching=2, of=5)


def _api(environment: Environment) -> Iterator[Alarm]:
    failures = failures_of_api(environment)
    yield Alarm("api-errors", "More than 1 % of requests get a 5xx.", failures, ERROR_RATE, 3, 5)


def failures_of_api(environment: Environment) -> tuple[Query, ...]:
    """Per cent of requests that get a 5xx."""
    api: Dimensions = {"ApiName": f"realtime-{environment.name}"}
    called = metric("called", "AWS/ApiGateway", "Count", api, "Sum")
    failed = metric("failed", "AWS/ApiGateway", "5XXError", api, "Sum")
    return tuple(shown(RATE, [called, failed]))


def _data(places: ResourceNames) -> Iterator[Alarm]:
    for setting in sorted(places.names):
        if setting.endswith("_table"):
            table = {"TableName": places.name(setting)}
            parts = [
                metric("reads", "AWS/DynamoDB", "ReadThrottleEvents", table, "Sum"),
                metric("writes", "AWS/DynamoDB", "WriteThrottleEvents", table, "Sum"),
            ]
            name = setting.removesuffix("_table")
            queries = shown("SUM(METRICS())", parts)  # one that has no data counts as 0
            yield Alarm(f"{name}-table-throttles", f"DynamoDB throttles the table {name}.", tuple(queries))
    stream = {"StreamName": places.name("event_stream")}
    full = metric("full", "AWS/Kinesis", "WriteProvisionedThroughputExceeded", stream, "Sum")
    yield Alarm("stream-throttles", "A shard of the event stream takes no more.", (full,))
    for name, setting, says in (
        ("quarantine-not-empty", "quarantine_queue", "Poison records wait for somebody to look."),
        ("failed-batches-not-empty", "failure_queue", "Lambda gave up on a batch of a stream."),
    ):
        queue = {"QueueName": places.name(setting)}
        waiting = metric("waiting", "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Maximum")
        yield Alarm(name, says, (waiting,))


def _service(environment: Environment) -> Iterator[Alarm]:
    readers: tuple[FunctionName, ...] = ("event_processor", "assignment_sync")
    for name in readers:
        age = of_function("age", "IteratorAge", name, environment, "Maximum")
        says = f"{name} is over a minute behind its stream."
        yield Alarm(f"{name}-iterator-age", says, (age,), ITERATOR_AGE_MS, breaching=3, of=5)
    deciding: tuple[FunctionName, ...] = ("assignment", "feature_flags")
    dropped = _own("TrackingDropped", deciding, environment, "Sum", "SUM")
    yield Alarm("tracking-drops", "Exposures were dropped: the buffer was full.", dropped)
    using: tuple[FunctionName, ...] = ("assignment", "feature_flags", "ingest", "event_processor")
    age_of = _own("DefinitionsAge", using, environment, "Maximum", "MAX")
    says = "Definitions are over a minute old: a kill switch may not be in force."
    yield Alarm("stale-definitions", says, age_of, STALE_SECONDS)
    broken = _own("InvalidDefinition", using, environment, "Sum", "SUM", RARE)
    yield Alarm("invalid-definition", "A definition in a table cannot be loaded.", broken)
    lost = _own("AssignmentNotStored", ("assignment",), environment, "Sum", "SUM", RARE)
    yield Alarm("assignment-not-stored", "A decided assignment could not be written, twice.", lost)
    mismatch = _own("SampleRatioMismatch", ("assignment_sync",), environment, "Maximum", "MAX", RARE)
    yield Alarm("sample-ratio-mismatch", "An experiment's users are not split as asked for.", mismatch)
    refused = _own("PostgresRowsRefused", ("assignment_sync",), environment, "Sum", "SUM", RARE)
    yield Alarm("postgres-rows-refused", "PostgreSQL will never take some assignments.", refused)


def _own(
    name: str,
    functions: tuple[FunctionName, ...],
    environment: Environment,
    statistic: str,
    over: str,
    period: int = 60,
) -> tuple[Query, ...]:
    parts = [of_service(function, name, function, environment, statistic, period) for function in functions]
    return tuple(shown(f"{over}(METRICS())", parts) if len(parts) > 1 else parts)
