"""Metric queries in CloudWatch's shape."""

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.metrics import NAMESPACE
from infra.environments import Environment, FunctionName
from infra.functions import get_function_name
from infra.resource_names import Value

Query = dict[str, Any]
Dimensions = dict[str, Value]


def build_query(
    label: str, namespace: str, name: str, dimensions: Dimensions, statistic: str, period: int = 60
) -> Query:
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {"Id": label, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}}


def build_function_query(
    label: str, name: str, function: FunctionName, env: Environment, statistic: str
) -> Query:
    return build_query(
        label, "AWS/Lambda", name, {"FunctionName": get_function_name(function, env)}, statistic
    )


def build_answer_query(
    label: str, name: str, function: FunctionName, env: Environment, period: int = 60
) -> Query:
    """The sum of a metric of our own (chalicelib/metrics.py), over all versions of the function."""
    dimensions: Dimensions = {"Environment": env.name, "Function": get_function_name(function, env)}
    return build_query(label, NAMESPACE, name, dimensions, "Sum", period)


def build_share(parts: Sequence[Query], wholes: Sequence[Query], min_calls: float) -> tuple[Query, ...]:
    """Per cent of ``wholes`` that are in ``parts``; 0 up to ``min_calls``.

    Without data of the parts there is no share, which an alarm takes for fine.
    """
    part, whole = _add_up(parts), _add_up(wholes)
    expression = f"IF({whole} > {min_calls}, 100 * {part} / {whole}, 0)"
    return tuple(combine(expression, [*parts, *(query for query in wholes if query not in parts)]))


def _add_up(queries: Sequence[Query]) -> str:
    ids = [query["Id"] for query in queries]
    return ids[0] if len(ids) == 1 else f"SUM([{', '.join(ids)}])"


def combine(expression: str, parts: Iterable[Query], label: str = "shown") -> list[Query]:
    """An expression over the ids of ``parts``. Alarms and graphs use its result alone."""
    result = {"Id": label, "Expression": expression, "ReturnData": True}
    return [result, *({**part, "ReturnData": False} for part in parts)]


def build_comparison(queries: Sequence[Query]) -> dict[str, Any]:
    """The properties of an alarm that name its metric, or the metric math of several queries."""
    if len(queries) > 1:
        return {"Metrics": list(queries)}
    query = queries[0]["MetricStat"]
    is_percentile = query["Stat"].startswith("p")
    statistic = {"ExtendedStatistic" if is_percentile else "Statistic": query["Stat"]}
    return {**query["Metric"], "Period": query["Period"], **statistic}
