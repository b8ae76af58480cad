"""The dashboard: from what callers see, over what the service does, to what it costs."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.metrics import NAMESPACE
from infra.environments import Environment, FunctionName
from infra.functions import LOGICAL, physical
from infra.resource_names import ResourceNames, Value

WIDTH, HEIGHT = 8, 6
ARM_GB_SECOND = 0.0000133334
LAMBDA_REQUEST = 0.0000002
API_REQUEST = 0.0000035
"""Dollars in us-east-1, 2026; the estimate is for trends, AWS Budgets has the bill."""
DECIDING: tuple[FunctionName, ...] = ("assignment", "feature_flags")


def body(environment: Environment, places: ResourceNames) -> Value:
    widgets = [
        {**widget, "x": WIDTH * (number % 3), "y": HEIGHT * (number // 3), "width": WIDTH, "height": HEIGHT}
        for number, widget in enumerate(_widgets(environment, places))
    ]
    return {"Fn::Sub": json.dumps({"widgets": widgets}, separators=(",", ":"))}


def _widgets(environment: Environment, places: ResourceNames) -> Iterator[dict[str, Any]]:
    def of_lambda(name: str, **drawn: str) -> list[list[Any]]:
        return [
            [
                "AWS/Lambda",
                name,
                "FunctionName",
                physical(function, environment),
                {"label": function, **drawn},
            ]
            for function in LOGICAL
        ]

    def of_service(name: str, functions: tuple[FunctionName, ...] = DECIDING, **drawn: str) -> list[Any]:
        return [
            [
                *(NAMESPACE, name, "Environment", environment.name),
                *("Function", physical(function, environment), {"label": f"{name} {function}", **drawn}),
            ]
            for function in functions
        ]

    def search(pattern: str, statistic: str) -> list[Any]:
        found = (
            f"SEARCH('{{{NAMESPACE},Environment,Function}} {pattern} \"{environment.name}\"', '{statistic}')"
        )
        return [[{"expression": found, "label": ""}]]

    api = f"realtime-{environment.name}"
    yield _graph(
        "Requests and errors of the API",
        [
            ["AWS/ApiGateway", "Count", "ApiName", api],
            ["AWS/ApiGateway", "4XXError", "ApiName", api],
            ["AWS/ApiGateway", "5XXError", "ApiName", api],
        ],
    )
    latencies = [
        ["AWS/ApiGateway", "Latency", "ApiName", api, {"stat": stat}] for stat in ("p50", "p95", "p99")
    ]
    yield _graph("Latency of the API (ms)", latencies)
    yield _graph("Invocations", of_lambda("Invocations"))
    yield _graph("Errors", of_lambda("Errors"))
    yield _graph("Duration P50 (ms)", of_lambda("Duration", stat="p50"))
    yield _graph("Duration P99 (ms)", of_lambda("Duration", stat="p99"))
    yield _graph("Throttles", of_lambda("Throttles"))
    yield _graph("Concurrent executions", of_lambda("ConcurrentExecutions", stat="Maximum"))
    ages = of_lambda("IteratorAge", stat="Maximum")
    yield _graph("Iterator age (ms)", [one for one in ages if one[-1]["label"] in READERS])
    yield _hit_rate(environment)
    yield _graph("Assignments per variant", search("MetricName=Assigned", "Maximum"))
    yield _graph("Flag evaluations", of_service("FlagEvaluations", ("feature_flags",)))
    yield _graph("Tracking", of_service("TrackingSent") + of_service("TrackingDropped"))
    waiting = [
        [
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            "QueueName",
            places.names[queue],
            {"stat": "Maximum"},
        ]
        for queue in ("quarantine_queue", "failure_queue")
    ]
    yield _graph("Quarantine", waiting)
    srm = of_service("SampleRatioMismatch", ("assignment_sync",), stat="Maximum")
    yield _graph("Sample-ratio mismatch (1: an experiment's split is wrong)", srm)
    stale = of_service("DefinitionsAge", (*DECIDING, "ingest", "event_processor"), stat="Maximum")
    yield _graph("Age of definitions that cannot be refreshed (s)", stale)
    throttled = [
        ["AWS/DynamoDB", f"{kind}ThrottleEvents", "TableName", name, {"label": f"{setting} {kind.lower()}s"}]
        for setting, name in sorted(places.names.items())
        if setting.endswith("_table")
        for kind in ("Read", "Write")
    ]
    yield _graph("DynamoDB throttling", throttled)
    yield _graph("Everything else that the service counts", search("", "Sum"))
    yield _cost(environment)


READERS = ("event_processor", "assignment_sync")


def _graph(title: str, metrics: list[list[Any]], statistic: str = "Sum") -> dict[str, Any]:
    properties = {
        "title": title,
        "metrics": metrics,
        "stat": statistic,
        "period": 60,
        "region": "${AWS::Region}",
        "view": "timeSeries",
    }
    return {"type": "metric", "properties": properties}


def _hit_rate(environment: Environment) -> dict[str, Any]:
    metrics: list[list[Any]] = []
    for function in DECIDING:
        dimensions = ("Environment", environment.name, "Function", physical(function, environment))
        looked, missed = f"l_{function}", f"m_{function}"
        rate = f"100 * (1 - {missed} / {looked})"
        metrics += [
            [{"expression": rate, "label": f"{function} (%)"}],
            [NAMESPACE, "DefinitionLookups", *dimensions, {"id": looked, "visible": False}],
            [NAMESPACE, "DefinitionMisses", *dimensions, {"id": missed, "visible": False}],
        ]
    return _graph("Cache hit rate", metrics)


def _cost(environment: Environment) -> dict[str, Any]:
    metrics: list[list[Any]] = []
    terms = []
    for function, logical in LOGICAL.items():
        lambda_ = ("FunctionName", physical(function, environment))
        worked, called = f"d{logical}", f"i{logical}"
        gigabytes = environment.functions[function].memory / 1024
        terms.append(
            f"{worked} / 1000 * {gigabytes} * {ARM_GB_SECOND:.10f} + {called} * {LAMBDA_REQUEST:.7f}"
        )
        metrics.append(["AWS/Lambda", "Duration", *lambda_, {"id": worked, "visible": False}])
        metrics.append(["AWS/Lambda", "Invocations", *lambda_, {"id": called, "visible": False}])
    api = ("ApiName", f"realtime-{environment.name}")
    metrics.append(["AWS/ApiGateway", "Count", *api, {"id": "requests", "visible": False}])
    metrics.insert(0, [{"expression": " + ".join(terms), "label": "Lambda ($)"}])
    metrics.insert(1, [{"expression": f"requests * {API_REQUEST:.7f}", "label": "API Gateway ($)"}])
    graph = _graph("Cost estimate (dollars an hour)", metrics)
    graph["properties"]["period"] = 3600
    return graph
