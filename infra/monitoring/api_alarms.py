"""Alarms on what callers see at the front door, and on what stands before it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.metrics import NAMESPACE
from infra.environments import Environment, FunctionName
from infra.front_doors.parameter import FRONT_DOOR_ID
from infra.front_doors.paths import list_routed
from infra.monitoring.alarm import MIN_CALLS, SLOW_PERIOD, Alarm
from infra.monitoring.function_alarms import alarm_on_denials
from infra.monitoring.metrics import Dimensions, Query, build_query, build_share
from infra.resource_names import substitute

ERROR_PERCENT = 1.0
REFUSED_PERCENT = 50.0
THROTTLED_PERCENT = 1.0
BLOCKED_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class Front:
    """The metrics of a front door, as AWS names them. ``log``: its access log is a log group."""

    namespace: str
    dimension: str
    identity: str
    called: str
    refused: tuple[str, ...]
    failed: tuple[str, ...]
    latency: str
    latency_unit: float
    """What a millisecond is in it."""
    latency_unit_name: str
    has_log: bool = True


FRONTS: Mapping[str, Front] = {
    "rest": Front(
        namespace="AWS/ApiGateway",
        dimension="ApiName",
        identity="realtime-{env}",
        called="Count",
        refused=("4XXError",),
        failed=("5XXError",),
        latency="Latency",
        latency_unit=1.0,
        latency_unit_name="ms",
    ),
    "http": Front(
        namespace="AWS/ApiGateway",
        dimension="ApiId",
        identity=FRONT_DOOR_ID,
        called="Count",
        refused=("4xx",),
        failed=("5xx",),
        latency="Latency",
        latency_unit=1.0,
        latency_unit_name="ms",
    ),
    "alb": Front(
        namespace="AWS/ApplicationELB",
        dimension="LoadBalancer",
        identity=FRONT_DOOR_ID,
        called="RequestCount",
        refused=("HTTPCode_Target_4XX_Count", "HTTPCode_ELB_4XX_Count"),
        failed=("HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"),
        latency="TargetResponseTime",
        latency_unit=0.001,
        latency_unit_name="s",
        has_log=False,
    ),
}


def get_front(environment: Environment) -> Front:
    return FRONTS[environment.api]


def list_authorizing(environment: Environment) -> tuple[FunctionName, ...]:
    """The functions that read keys."""
    return ("authorizer", "ingest") if environment.api == "rest" else list_routed(environment)


def list_api_alarms(environment: Environment) -> Iterator[Alarm]:
    front = get_front(environment)
    description = "More than 1 % of requests get a 5xx."
    yield Alarm("api-errors", description, build_api_error_rate(environment), ERROR_PERCENT, 3, 5, "page")
    description = f"Over 1 % of requests take longer than {environment.api_p99_ms} ms at the front door."
    yield Alarm("api-latency", description, _measure_latency(front, environment), 1.0, 2, 3)
    description = "More than half of the requests are refused with a 4xx."
    yield Alarm(
        "api-refused", description, _measure_refused(front, environment), REFUSED_PERCENT, 3, 5, "page"
    )
    yield alarm_on_denials(environment, list_authorizing(environment))
    if front.has_log:
        description = "Over 1 % of requests get a 429."
        yield Alarm(
            "api-throttled", description, _measure_throttled(front, environment), THROTTLED_PERCENT, 3, 5
        )
    if environment.waf:
        description = "The firewall blocks over 5 % of requests."
        yield Alarm("firewall-blocks", description, _measure_blocked(environment), BLOCKED_PERCENT, 3, 5)


def build_api_error_rate(environment: Environment) -> tuple[Query, ...]:
    """Per cent of requests that get a 5xx. It has no floor: an idle service that only fails has an outage."""
    front = get_front(environment)
    return build_share(_measure(front, environment, front.failed), [_count(front, environment)], 0)


def _measure_refused(front: Front, environment: Environment) -> tuple[Query, ...]:
    return build_share(_measure(front, environment, front.refused), [_count(front, environment)], MIN_CALLS)


def _measure_latency(front: Front, environment: Environment) -> tuple[Query, ...]:
    """``TC(x:)`` counts the samples above x."""
    budget = environment.api_p99_ms * front.latency_unit
    slow = _query(front, environment, "slow", front.latency, f"TC({budget:g}:)", SLOW_PERIOD)
    all_ = _query(front, environment, "measured", front.latency, "SampleCount", SLOW_PERIOD)
    return build_share([slow], [all_], MIN_CALLS)


def _measure_throttled(front: Front, environment: Environment) -> tuple[Query, ...]:
    throttled = build_query("throttled", *get_throttled_metric(environment), {}, "Sum")
    return build_share([throttled], [_count(front, environment)], MIN_CALLS)


def get_throttled_metric(environment: Environment) -> tuple[str, str]:
    """Namespace and name, which has the environment: a filter of logs cannot add a dimension of its own."""
    return NAMESPACE, f"Answered429.{environment.name}"


def build_throttled_filter(environment: Environment, log_group: str) -> dict[str, Any]:
    """Counts answers of 429 in the access log: API Gateway counts them among all 4xx only."""
    namespace, name = get_throttled_metric(environment)
    counted = {"MetricNamespace": namespace, "MetricName": name, "MetricValue": "1"}
    properties = {
        "LogGroupName": log_group,
        "FilterPattern": '{ ($.status = 429) || ($.status = "429") }',
        "MetricTransformations": [counted],
    }
    return {"Type": "AWS::Logs::MetricFilter", "Properties": properties}


def _measure_blocked(environment: Environment) -> tuple[Query, ...]:
    acl: Dimensions = {
        "WebACL": f"realtime-{environment.name}",
        "Rule": "ALL",
        "Region": substitute("${AWS::Region}"),
    }
    blocked, allowed = (
        build_query(label, "AWS/WAFV2", name, acl, "Sum")
        for label, name in (("blocked", "BlockedRequests"), ("allowed", "AllowedRequests"))
    )
    return build_share([blocked], [blocked, allowed], MIN_CALLS)


def _count(front: Front, environment: Environment) -> Query:
    return _query(front, environment, "called", front.called, "Sum", 60)


def _measure(front: Front, environment: Environment, names: tuple[str, ...]) -> list[Query]:
    return [_query(front, environment, f"part{n}", name, "Sum", 60) for n, name in enumerate(names)]


def _query(
    front: Front, environment: Environment, label: str, name: str, statistic: str, period: int
) -> Query:
    identity = {front.dimension: substitute(front.identity.replace("{env}", environment.name))}
    return build_query(label, front.namespace, name, identity, statistic, period)
