"""Figures from series of metrics, and how they are written. Pure."""

from collections.abc import Iterable
from math import inf

from chalicelib.domain.status.alarms import Condition, Metric
from chalicelib.domain.status.snapshot import Point, Series


def holds(condition: Condition, series: Series, now: float) -> bool:
    """Whether the alarm rings: it looks at whole periods, and this also at the one that has begun."""
    values = _combine(condition, series, now)
    if condition.rings_on_silence:
        return (
            sum(value >= condition.threshold for value in values) <= condition.periods - condition.breaching
        )
    return sum(value > condition.threshold for value in values) >= condition.breaching


def begins(condition: Condition, series: Series, now: float) -> bool:
    """Whether it is above the threshold, though not for long enough that the alarm rings."""
    values = _combine(condition, series, now)
    return any(value > condition.threshold for value in values[-2:])


def get_latest(metrics: Iterable[Metric], series: Series) -> Point | None:
    """The newest point of any of ``metrics``; of several of one time, the largest."""
    points = [point for metric in metrics for point in series.get(metric, ())]
    return max(points, default=None)


def get_peak(metrics: Iterable[Metric], series: Series, since: float) -> float:
    """The largest value after ``since``, or 0."""
    points = (point for metric in metrics for point in series.get(metric, ()))
    return max((point.value for point in points if point.start >= since), default=0.0)


def add_up(metrics: Iterable[Metric], series: Series, since: float = -inf) -> float:
    return sum(point.value for metric in metrics for point in series.get(metric, ()) if point.start >= since)


def _combine(condition: Condition, series: Series, now: float) -> list[float]:
    """The values of the last periods and of the one that has begun, oldest first."""
    period = condition.metrics[0].period
    current = int(now // period)
    by_period: dict[int, list[float]] = {}
    for metric in condition.metrics:
        for point in series.get(metric, ()):
            by_period.setdefault(int(point.start // period), []).append(point.value)
    combine = sum if condition.combination == "SUM" else max
    wanted = range(current - condition.periods, current + 1)
    return [float(combine(by_period.get(number, [0]))) for number in wanted]


def format_duration(seconds: float) -> str:
    """Two units at most, such as ``2 h 10 min``."""
    total = max(0, round(seconds))
    if total < 120:
        return f"{total} s"
    parts = ((86_400, "d"), (3600, "h"), (60, "min"))
    for index, (size, unit) in enumerate(parts):
        if total >= size:
            rest = total % size // parts[index + 1][0] if index + 1 < len(parts) else 0
            return f"{total // size} {unit}" + (f" {rest} {parts[index + 1][1]}" if rest else "")
    raise AssertionError(total)


def format_count(number: float, noun: str) -> str:
    return f"{number:,.0f} {noun}{'' if round(number) == 1 else 's'}"
