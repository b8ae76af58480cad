"""Metric queries as CloudWatch writes them: AWS's own metrics, and the service's (chalicelib/metrics.py)."""

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.metrics import NAMESPACE
from infra.environments import Environment, FunctionName
from infra.functions import physical
from infra.resource_names import Value

Query = dict[str, Any]
Dimensions = dict[str, Value]


def metric(
    label: str, namespace: str, name: str, dimensions: Dimensions, statistic: str, period: int = 60
) -> Query:
    found = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {"Id": label, "MetricStat": {"Metric": found, "Period": period, "Stat": statistic}}


def of_function(label: str, name: str, function: FunctionName, env: Environment, statistic: str) -> Query:
    return metric(label, "AWS/Lambda", name, {"FunctionName": physical(function, env)}, statistic)


def of_service(
    label: str, name: str, function: FunctionName, env: Environment, statistic: str, period: int = 60
) -> Query:
    """One of our own, in the embedded metric format."""
    dimensions: Dimensions = {"Environment": env.name, "Function": physical(function, env)}
    return metric(label, NAMESPACE, name, dimensions, statistic, period)


def shown(expression: str, parts: Iterable[Query], label: str = "shown") -> list[Query]:
    """``parts`` by an expression over their ids, which alone is compared or drawn."""
    drawn = {"Id": label, "Expression": expression, "ReturnData": True}
    return [drawn, *({**part, "ReturnData": False} for part in parts)]


def compared(queries: Sequence[Query]) -> dict[str, Any]:
    """The part of an alarm's properties that says what it compares: metric math, or one metric alone."""
    if len(queries) > 1:
        return {"Metrics": list(queries)}
    one = queries[0]["MetricStat"]
    percentile = one["Stat"].startswith("p")
    statistic = {"ExtendedStatistic" if percentile else "Statistic": one["Stat"]}
    return {**one["Metric"], "Period": one["Period"], **statistic}
