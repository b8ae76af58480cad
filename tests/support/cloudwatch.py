"""What CloudWatch makes of metrics: series, metric math, and the state of an alarm.

After "Using metric math", "Statistics definitions" and "Configuring how alarms treat missing data" in
CloudWatch's user guide. Only what our alarms use: anything else is an error.
"""

import ast
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

Key: TypeAlias = tuple[str, str, str]
"""Namespace, name, and dimensions as JSON."""
Series: TypeAlias = dict[int, float]
"""By the number of the period; a period without data is missing."""
Value: TypeAlias = float | Series | list["Series"]
OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.Lt: operator.lt,
}


def make_key(namespace: str, name: str, dimensions: Mapping[str, Any]) -> Key:
    return namespace, name, json.dumps(dimensions, sort_keys=True)


class Metrics:
    """What was emitted, as samples of a time."""

    def __init__(self) -> None:
        self.samples: dict[Key, list[tuple[float, float]]] = {}

    def put(self, namespace: str, name: str, dimensions: Mapping[str, Any], value: float, at: float) -> None:
        self.samples.setdefault(make_key(namespace, name, dimensions), []).append((at, value))

    def read_line(self, text: str) -> None:
        """A log line in the embedded metric format."""
        line = json.loads(text)
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = {name: line[name] for name in names}
                for metric in directive["Metrics"]:
                    at = line["_aws"]["Timestamp"] / 1000
                    self.put(directive["Namespace"], metric["Name"], dimensions, line[metric["Name"]], at)

    def get_series(self, metric: Mapping[str, Any], period: int, statistic: str) -> Series:
        dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        values: dict[int, list[float]] = {}
        for at, value in self.samples.get(
            make_key(metric["Namespace"], metric["MetricName"], dimensions), ()
        ):
            values.setdefault(int(at // period), []).append(value)
        return {number: measure(statistic, found) for number, found in values.items()}


def measure(statistic: str, values: Sequence[float]) -> float:
    if statistic.startswith("TC("):  # TC(x:) counts the values above x
        return float(sum(value > float(statistic[3:-2]) for value in values))
    count = len(values)
    by_name = {"Sum": sum(values), "Maximum": max(values), "Minimum": min(values), "SampleCount": count}
    return float((by_name | {"Average": sum(values) / count})[statistic])


def is_ringing(alarm: Mapping[str, Any], metrics: Metrics, now: float) -> bool:
    """Whether the ``alarm``, its properties in CloudFormation, is in ALARM at the end of the last period."""
    series, period = _get_result(alarm, metrics)
    last = int(now // period) - 1
    values = [series.get(number) for number in range(last - alarm["EvaluationPeriods"] + 1, last + 1)]
    compare: dict[str, Callable[[float, float], bool]]
    compare = {"GreaterThanThreshold": operator.gt, "LessThanThreshold": operator.lt}
    breaches = compare[alarm["ComparisonOperator"]]
    silence = {"breaching": True, "notBreaching": False}[alarm["TreatMissingData"]]
    breaching = [silence if value is None else breaches(value, alarm["Threshold"]) for value in values]
    return sum(breaching) >= int(alarm["DatapointsToAlarm"])


def get_period(alarm: Mapping[str, Any]) -> int:
    periods = {query["MetricStat"]["Period"] for query in alarm.get("Metrics", ()) if "MetricStat" in query}
    (period,) = periods or {alarm["Period"]}
    return int(period)


def _get_result(alarm: Mapping[str, Any], metrics: Metrics) -> tuple[Series, int]:
    period = get_period(alarm)
    if "Metrics" not in alarm:
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return metrics.get_series(alarm, period, statistic), period
    named, expressions = {}, []
    for query in alarm["Metrics"]:
        if "MetricStat" in query:
            stat = query["MetricStat"]
            named[query["Id"]] = metrics.get_series(stat["Metric"], period, stat["Stat"])
            assert query["ReturnData"] is False
        else:
            expressions.append(query)
    (expression,) = expressions
    assert expression["ReturnData"] is True
    result = evaluate(expression["Expression"], named)
    assert isinstance(result, dict), "an alarm needs one series"
    return result, period


def evaluate(expression: str, named: Mapping[str, Series]) -> Value:
    """An expression over series by their ids. Its syntax is Python's, too."""
    return _evaluate(ast.parse(expression, mode="eval").body, named)


def _evaluate(node: ast.expr, named: Mapping[str, Series]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return named[name]
        case ast.List(elts=parts):
            return [_as_series(_evaluate(part, named)) for part in parts]
        case (
            ast.BinOp(left=left, op=sign, right=right)
            | ast.Compare(left=left, ops=[sign], comparators=[right])
        ):
            return _combine(OPERATORS[type(sign)], _evaluate(left, named), _evaluate(right, named))
        case ast.Call(func=ast.Name(id="METRICS"), args=[]):
            return list(named.values())
        case ast.Call(func=ast.Name(id="SUM" | "MAX" as name), args=[argument]):
            several = _evaluate(argument, named)
            assert isinstance(several, list), f"{name} of one series is a number, which no alarm takes"
            return _aggregate(sum if name == "SUM" else max, several)
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            return _choose(*(_evaluate(part, named) for part in (condition, then, otherwise)))
    raise NotImplementedError(ast.unparse(node))


def _as_series(value: Value) -> Series:
    assert isinstance(value, dict), "an array holds series"
    return value


def _combine(combine: Callable[[float, float], float], left: Value, right: Value) -> Value:
    """At the times that both have: a value that is missing, or divided by 0, is missing in the result."""
    if isinstance(left, float) and isinstance(right, float):
        return float(combine(left, right))
    times = {time for series in (left, right) if isinstance(series, dict) for time in series}
    result: Series = {}
    for time in sorted(times):
        one, other = _at(left, time), _at(right, time)
        is_division_by_zero = combine is operator.truediv and other == 0
        if one is not None and other is not None and not is_division_by_zero:
            result[time] = float(combine(one, other))
    return result


def _aggregate(combine: Callable[[list[float]], float], several: list[Series]) -> Series:
    """At the times that any of them has: those that are missing do not count."""
    times = {time for series in several for time in series}
    return {
        time: float(combine([series[time] for series in several if time in series])) for time in sorted(times)
    }


def _choose(condition: Value, then: Value, otherwise: Value) -> Series:
    chosen = {}
    for time, holds in _as_series(condition).items():
        value = _at(then if holds else otherwise, time)
        if value is not None:
            chosen[time] = value
    return chosen


def _at(value: Value, time: int) -> float | None:
    assert not isinstance(value, list)
    return value.get(time) if isinstance(value, dict) else value
