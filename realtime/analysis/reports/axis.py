"""Intervals on one axis, drawn with characters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from statistics import median
from typing import NamedTuple

from realtime.analysis.model import Interval, MetricResult
from realtime.analysis.reports.words import get_lift_interval

LEAST, MOST = 0.01, 10.0
"""Limits of the axis, as lifts."""


class Mark(NamedTuple):
    """A row: its interval, the effect in it, and thresholds that are drawn as dotted lines."""

    interval: Interval | None
    effect: float | None
    thresholds: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """From −limit to +limit."""

    limit: float

    def find_place(self, value: float) -> float:
        """0 is the left end, 1 the right one; outside of both it is clipped."""
        return min(1.0, max(0.0, (value + self.limit) / (2 * self.limit)))


def list_marks(results: Iterable[MetricResult]) -> list[Mark]:
    return [
        Mark(get_lift_interval(comparison), comparison.lift, list_thresholds(result))
        for result in results
        for comparison in result.comparisons
    ]


def list_thresholds(result: MetricResult) -> list[float]:
    """± the minimum effect; of a guardrail the margin that it must not pass."""
    if result.role == "guardrail" and result.margin is not None:
        return [-result.margin if result.metric.better == "up" else result.margin]
    effect = result.metric.minimum_effect
    return [] if effect is None else [-effect, effect]


def find_axis(marks: Iterable[Mark]) -> Axis:
    """One for all rows. A row that is far wider than the others is cut, with an arrow."""
    reaches = []
    for mark in marks:
        ends = [end for end in mark.interval or () if end is not None]
        values = [*ends, *mark.thresholds, *([] if mark.effect is None else [mark.effect])]
        if values:
            reaches.append(max(map(abs, values)))
    if not reaches:
        return Axis(LEAST)
    return Axis(round_up(min(MOST, max(LEAST, min(max(reaches), 3 * median(reaches))))))


def round_up(value: float) -> float:
    """To the next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def draw_mark(mark: Mark, axis: Axis, width: int) -> str:
    """``width`` characters: ``│`` is no effect, ``┊`` a threshold, ``●`` the effect."""
    cells = ["·"] * width

    def find_cell(value: float) -> int:
        return min(width - 1, floor(axis.find_place(value) * width))

    for threshold in mark.thresholds:
        cells[find_cell(threshold)] = "┊"
    cells[find_cell(0)] = "│"
    if mark.interval is not None:
        lower, upper = mark.interval
        first = 0 if lower is None else find_cell(lower)
        last = width - 1 if upper is None else find_cell(upper)
        for cell in range(first, last + 1):
            cells[cell] = "━" if cells[cell] == "·" else "┿"
        cells[first] = "├"
        cells[last] = "┤"
        if lower is None or lower < -axis.limit:
            cells[0] = "◀"
        if upper is None or upper > axis.limit:
            cells[-1] = "▶"
    if mark.effect is not None and abs(mark.effect) <= axis.limit:
        cells[find_cell(mark.effect)] = "●"
    return "".join(cells)


def draw_scale(axis: Axis, width: int) -> str:
    """The two ends and 0 of the axis."""
    percent = 100 * axis.limit
    end = f"{percent:.{max(0, ceil(-log10(percent)))}f}%"
    left, right = f"−{end}", f"+{end}"
    line = [" "] * width
    line[: len(left)] = left
    line[width - len(right) :] = right
    line[min(width - 1, width // 2)] = "0"
    return "".join(line)
