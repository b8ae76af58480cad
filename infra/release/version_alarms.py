"""The alarms by version that a release makes before traffic moves, and deletes at its end.

Its own failures are the version's, so an outage of everything stops no fix. The version is in the name: an
alarm that is written again keeps its state, so one name would start in the ALARM of yesterday.
"""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.metrics import NAMESPACE
from infra.environments import Environment, FunctionName
from infra.monitoring.metrics import Dimensions, Query, build_query, combine
from infra.release.alias import ALIAS
from infra.release.names import get_function_name

PLACEHOLDER = "@VERSION@"
PERCENT = 1.0
MIN_FAILURES = 3
"""Fewer in a minute may be anything, however few calls there were."""
MIN_CALLS = 100
"""One in a hundred says nothing about fewer. The standing alarms have the same floor."""
MINUTES = 5
"""How long an alarm stays in ALARM. The release looks once a minute."""


def list_templates(name: FunctionName, environment: Environment) -> list[str]:
    """Arguments of PutMetricAlarm as JSON, with `PLACEHOLDER` for the version."""
    return [json.dumps(alarm, separators=(",", ":")) for alarm in _list_alarms(name, environment)]


def _list_alarms(name: FunctionName, environment: Environment) -> Iterator[dict[str, Any]]:
    function = get_function_name(name, environment)

    def count(label: str, metric: str, period: int = 60) -> Query:
        return build_query(label, NAMESPACE, metric, build_dimensions(function, environment), "Sum", period)

    def build(kind: str, expression: str, queries: list[Query], threshold: float = PERCENT) -> dict[str, Any]:
        period = queries[0]["MetricStat"]["Period"]
        return {
            "AlarmName": f"{function}-v{PLACEHOLDER}-{kind}",
            "AlarmDescription": f"Returns the release of version {PLACEHOLDER}. docs/release.md",
            "Metrics": combine(expression, queries),
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": threshold,
            "EvaluationPeriods": MINUTES * 60 // period,
            "DatapointsToAlarm": 1,
            "TreatMissingData": "notBreaching",
        }

    rate = f"IF(failed >= {MIN_FAILURES}, 100 * failed / MAX([answered, failed]), 0)"
    yield build("failed", rate, [count("failed", "Failed"), count("answered", "Answered")])
    slow = f"IF(answered > {MIN_CALLS}, 100 * slow / answered, 0)"
    five = MINUTES * 60
    yield build("slow", slow, [count("slow", "Slow", five), count("answered", "Answered", five)])
    # what ends the process before it can count: timeouts, no memory, a start that fails
    executed: Dimensions = {
        "FunctionName": function,
        "Resource": f"{function}:{ALIAS}",
        "ExecutedVersion": PLACEHOLDER,
    }
    errors = build_query("failed", "AWS/Lambda", "Errors", executed, "Sum")
    calls = build_query("answered", "AWS/Lambda", "Invocations", executed, "Sum")
    yield build("errors", rate, [errors, calls])
    if name == "event_processor":
        expression = f"IF(quarantined >= {MIN_FAILURES}, quarantined, 0)"
        yield build("quarantined", expression, [count("quarantined", "Quarantined")], threshold=0)


def build_dimensions(function: str, environment: Environment, version: str = PLACEHOLDER) -> Dimensions:
    """Of our own metrics, by version."""
    return {"Environment": environment.name, "Function": function, "Version": version}
