"""Plots in a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

from realtime.analysis.model import Analysis, MetricResult
from realtime.analysis.reports.axis import list_thresholds
from realtime.analysis.reports.day_axis import draw_line, mark_days, place_days, start_plot
from realtime.analysis.reports.plots import Curve, MetricPlots, find_range, format_day, list_days
from realtime.analysis.reports.shown_text import show
from realtime.analysis.reports.words import name_metric

HEIGHT, WIDEST = 16, 100


def draw_plots(analysis: Analysis, plots: Sequence[MetricPlots], width: int) -> Iterator[Text]:
    width = min(width, WIDEST)
    for each in plots:
        for curve in each.curves:
            yield _draw_curve(analysis, each.result, curve, width)
    yield _draw_users(analysis, width)


def _draw_curve(analysis: Analysis, result: MetricResult, curve: Curve, width: int) -> Text:
    kind = "lift" if curve.is_lift else "difference"
    band = "its always-valid band" if analysis.design.is_sequential else "its band, valid for one look only"
    title = f"{name_metric(result)}, {curve.treatment}: {kind} until each day, with {band}"
    if not curve.steps:
        return show(f"{title}: nothing to draw yet.")
    plot = start_plot(width, HEIGHT)
    scale = 100 if curve.is_lift else 1
    reach = find_range(curve, list_thresholds(result)) * scale
    days = [format_day(step.until) for step in curve.steps]
    places = place_days(days)
    for label, values in (
        ("upper", [step.interval.upper for step in curve.steps]),
        ("effect", [step.effect for step in curve.steps]),
        ("lower", [step.interval.lower for step in curve.steps]),
    ):
        open_end = reach if label == "upper" else -reach
        clipped = [open_end if value is None else max(-reach, min(reach, value * scale)) for value in values]
        draw_line(plot, places, clipped, label=label, marker="hd" if label == "effect" else "dot")
    plot.hline(0)
    plot.ylim(-reach, reach)
    mark_days(plot, days)
    plot.ylabel("%" if curve.is_lift else "per user")
    return _finish(plot, title)


def _draw_users(analysis: Analysis, width: int) -> Text:
    title = "Users by day (UTC) of their start"
    days = list_days(analysis)
    if not days:
        return show(f"{title}: none yet.")
    plot = start_plot(width, HEIGHT)
    for users in analysis.census.users:
        counts = [users.by_day.get(day, 0) for day in days]
        draw_line(plot, place_days(days), counts, label=users.variant)
    most = max(max(users.by_day.values(), default=0) for users in analysis.census.users)
    plot.ylim(0, most or 1)
    mark_days(plot, days)
    return _finish(plot, title)


def _finish(plot: Any, title: str) -> Text:
    return Text("\n").join([show(title, "bold"), Text.from_ansi(plot.build())])
