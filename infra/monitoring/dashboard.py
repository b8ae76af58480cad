"""The dashboard: first what callers see, then what the service does, last what it costs."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from chalicelib.domain.status.alarms import HEARTBEAT, list_used_tables, name_function
from chalicelib.metrics import NAMESPACE
from infra.environments import Environment, FunctionName
from infra.functions import get_function_name
from infra.monitoring.api_alarms import get_front, list_authorizing
from infra.resource_names import ResourceNames, Value
from realtime.capacity.facts import PRICES

WIDTH, HEIGHT = 8, 6
ARM_GB_SECOND: float = PRICES["lambda"]["gb_second"][0][1]
LAMBDA_REQUEST: float = PRICES["lambda"]["request"]
API_REQUEST: Mapping[str, float] = {
    "rest": PRICES["api_rest"]["request"][0][1],
    "http": PRICES["api_http"]["request"][0][1],
    "alb": PRICES["alb"]["lcu_hour"] / 200_000,  # an LCU is 0.4 GB an hour to Lambda: at 2 kB a request
}
"""Of the first tier. The estimate shows trends; the bill is in AWS Budgets."""
DECIDING_FUNCTIONS: tuple[FunctionName, ...] = ("assignment", "feature_flags")


def build_body(environment: Environment, names: ResourceNames) -> Value:
    widgets = [
        {**widget, "x": WIDTH * (index % 3), "y": HEIGHT * (index // 3), "width": WIDTH, "height": HEIGHT}
        for index, widget in enumerate(_list_widgets(environment, names))
    ]
    return {"Fn::Sub": json.dumps({"widgets": widgets}, separators=(",", ":"))}


def _list_widgets(environment: Environment, names: ResourceNames) -> Iterator[dict[str, Any]]:
    def list_lambda_metrics(name: str, **options: str) -> list[list[Any]]:
        return [
            [
                "AWS/Lambda",
                name,
                "FunctionName",
                get_function_name(function, environment),
                {"label": function, **options},
            ]
            for function in environment.functions
        ]

    def list_service_metrics(
        name: str, functions: tuple[str, ...] = DECIDING_FUNCTIONS, **options: str
    ) -> list[Any]:
        return [
            [
                *(NAMESPACE, name, "Environment", environment.name),
                *("Function", name_function(environment.name, function)),
                {"label": f"{name} {function}", **options},
            ]
            for function in functions
        ]

    def search_metrics(pattern: str, statistic: str) -> list[Any]:
        expression = (
            f"SEARCH('{{{NAMESPACE},Environment,Function}} {pattern} \"{environment.name}\"', '{statistic}')"
        )
        return [[{"expression": expression, "label": ""}]]

    front = get_front(environment)
    identity = front.dimension, front.identity.replace("{env}", environment.name)
    counts = (front.called, *front.refused, *front.failed)
    yield _build_graph(
        "Requests and errors of the API", [[front.namespace, name, *identity] for name in counts]
    )
    latencies = [
        [front.namespace, front.latency, *identity, {"stat": stat}] for stat in ("p50", "p95", "p99")
    ]
    yield _build_graph(f"Latency of the API ({front.latency_unit_name})", latencies)
    yield _build_graph("Invocations", list_lambda_metrics("Invocations"))
    yield _build_graph("Answers over the budget (%)", _list_shares(environment, "Slow"))
    yield _build_graph("Failed answers (%)", _list_shares(environment, "Failed"))
    yield _build_graph("Answers after a cold start (%)", _list_shares(environment, "ColdStarts"))
    yield _build_graph("Crashes and timeouts", list_lambda_metrics("Errors"))
    yield _build_graph("Refused keys (%)", _list_shares(environment, "Denied", list_authorizing(environment)))
    yield _build_graph("Heartbeat (1: all is well)", list_service_metrics("Heartbeat", (HEARTBEAT,)))
    yield _build_graph("Throttles", list_lambda_metrics("Throttles"))
    yield _build_graph("Concurrent executions", list_lambda_metrics("ConcurrentExecutions", stat="Maximum"))
    ages = list_lambda_metrics("IteratorAge", stat="Maximum")
    yield _build_graph(
        "Iterator age (ms)", [metric for metric in ages if metric[-1]["label"] in STREAM_FUNCTIONS]
    )
    yield _build_hit_rate(environment)
    yield _build_graph("Assignments per variant", search_metrics("MetricName=Assigned", "Maximum"))
    yield _build_graph("Flag evaluations", list_service_metrics("FlagEvaluations", ("feature_flags",)))
    yield _build_graph(
        "Tracking", list_service_metrics("TrackingSent") + list_service_metrics("TrackingDropped")
    )
    yield _build_graph("Quarantine", _list_waiting(names, "quarantine_queue", "failure_queue"))
    yield _build_graph("Webhooks that wait", _list_waiting(names, "webhook_queue", "undelivered_queue"))
    srm = list_service_metrics("SampleRatioMismatch", ("assignment_sync",), stat="Maximum")
    yield _build_graph("Sample-ratio mismatch (1: an experiment's split is wrong)", srm)
    stale = list_service_metrics(
        "DefinitionsAge", (*DECIDING_FUNCTIONS, "ingest", "event_processor"), stat="Maximum"
    )
    yield _build_graph("Age of definitions that cannot be refreshed (s)", stale)
    throttled = [
        ["AWS/DynamoDB", f"{kind}ThrottleEvents", "TableName", name, {"label": f"{setting} {kind.lower()}s"}]
        for setting, name in sorted(names.by_setting.items())
        if setting in list_used_tables(names.platform, environment.settings.get("REALTIME_EVENT_DEDUPE", ""))
        for kind in ("Read", "Write")
    ]
    yield _build_graph("DynamoDB throttling", throttled)
    yield _build_graph("Everything else that the service counts", search_metrics("", "Sum"))
    yield _build_cost(environment)


STREAM_FUNCTIONS = ("event_processor", "assignment_sync")


def _build_graph(title: str, metrics: list[list[Any]], statistic: str = "Sum") -> dict[str, Any]:
    properties = {
        "title": title,
        "metrics": metrics,
        "stat": statistic,
        "period": 60,
        "region": "${AWS::Region}",
        "view": "timeSeries",
    }
    return {"type": "metric", "properties": properties}


def _list_waiting(names: ResourceNames, *queues: str) -> list[list[Any]]:
    metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName")
    return [[*metric, names.by_setting[queue], {"stat": "Maximum"}] for queue in queues]


def _list_shares(
    environment: Environment, name: str, functions: Collection[FunctionName] | None = None
) -> list[list[Any]]:
    """Per cent of each function's answers."""
    metrics: list[list[Any]] = []
    for function in environment.functions if functions is None else functions:
        dimensions = ("Environment", environment.name, "Function", get_function_name(function, environment))
        part_id, whole_id = f"p_{function}", f"a_{function}"
        metrics += [
            [{"expression": f"100 * {part_id} / {whole_id}", "label": function}],
            [NAMESPACE, name, *dimensions, {"id": part_id, "visible": False}],
            [NAMESPACE, "Answered", *dimensions, {"id": whole_id, "visible": False}],
        ]
    return metrics


def _build_hit_rate(environment: Environment) -> dict[str, Any]:
    metrics: list[list[Any]] = []
    for function in DECIDING_FUNCTIONS:
        dimensions = ("Environment", environment.name, "Function", get_function_name(function, environment))
        lookups_id, misses_id = f"l_{function}", f"m_{function}"
        rate = f"100 * (1 - {misses_id} / {lookups_id})"
        metrics += [
            [{"expression": rate, "label": f"{function} (%)"}],
            [NAMESPACE, "DefinitionLookups", *dimensions, {"id": lookups_id, "visible": False}],
            [NAMESPACE, "DefinitionMisses", *dimensions, {"id": misses_id, "visible": False}],
        ]
    return _build_graph("Cache hit rate", metrics)


def _build_cost(environment: Environment) -> dict[str, Any]:
    metrics: list[list[Any]] = []
    terms = []
    for function in environment.functions:
        lambda_ = ("FunctionName", get_function_name(function, environment))
        duration_id, invocations_id = f"d_{function}", f"i_{function}"
        gigabytes = environment.functions[function].memory / 1024
        terms.append(
            f"{duration_id} / 1000 * {gigabytes} * {ARM_GB_SECOND:.10f}"
            f" + {invocations_id} * {LAMBDA_REQUEST:.7f}"
        )
        metrics.append(["AWS/Lambda", "Duration", *lambda_, {"id": duration_id, "visible": False}])
        metrics.append(["AWS/Lambda", "Invocations", *lambda_, {"id": invocations_id, "visible": False}])
    front = get_front(environment)
    identity = front.dimension, front.identity.replace("{env}", environment.name)
    metrics.append([front.namespace, front.called, *identity, {"id": "requests", "visible": False}])
    metrics.insert(0, [{"expression": " + ".join(terms), "label": "Lambda ($)"}])
    metrics.insert(
        1, [{"expression": f"requests * {API_REQUEST[environment.api]:.8f}", "label": "Front door ($)"}]
    )
    graph = _build_graph("Cost estimate (dollars an hour)", metrics)
    graph["properties"]["period"] = 3600
    return graph
