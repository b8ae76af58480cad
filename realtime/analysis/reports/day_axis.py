"""Plots in a terminal over days. Two that are a month apart are drawn a month apart."""

from collections.abc import Sequence
from datetime import date
from typing import Any


def start_plot(width: int, height: int) -> Any:
    """In the terminal's own colours, so that a light one shows it as well as a dark one."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(width, height)
    return plotext


def place_days(days: Sequence[str]) -> list[int]:
    """Of each ISO date, in order, how many days it is after the first."""
    dates = [date.fromisoformat(day) for day in days]
    return [(each - dates[0]).days for each in dates]


def draw_line(plot: Any, places: Sequence[int], values: Sequence[float], **options: Any) -> None:
    """A single value is a point: a line would have no length."""
    draw = plot.plot if len(places) > 1 else plot.scatter
    draw(list(places), list(values), **options)


def mark_days(plot: Any, days: Sequence[str]) -> None:
    """Names the first, the last, and the one nearest to their middle."""
    places = place_days(days)
    middle = min(range(len(places)), key=lambda number: abs(2 * places[number] - places[-1]))
    ticks = sorted({0, middle, len(days) - 1})
    plot.xticks([places[tick] for tick in ticks], [days[tick] for tick in ticks])
