"""A row for each metric and treatment, with its interval on one axis; blocks where a table is too wide."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from realtime.analysis.model import Comparison, Decision, Design, MetricResult
from realtime.analysis.numbers import format_number, format_p
from realtime.analysis.reports.axis import (
    Axis,
    Mark,
    draw_mark,
    draw_scale,
    find_axis,
    list_marks,
    list_thresholds,
)
from realtime.analysis.reports.shown_text import show
from realtime.analysis.reports.words import (
    describe_decision,
    describe_effect,
    describe_interval,
    describe_intervals,
    get_lift_interval,
    name_metric,
)

NARROWEST, WIDEST = 17, 49
"""Characters of the axis; an odd number has a middle."""
COLOURS: Final[Mapping[Decision, str]] = {
    "better": "green",
    "worse": "red",
    "no_difference_that_matters": "cyan",
    "undecided": "yellow",
    "holds": "green",
    "fails": "red",
}


class Comparisons:
    """Draws itself in the width that there is. No number is cut at any width from 60 columns on."""

    def __init__(self, results: Sequence[MetricResult], design: Design, *, has_legend: bool = True) -> None:
        self._results, self._design, self._has_legend = results, design, has_legend
        self._axis = find_axis(list_marks(results))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        yield self._choose(console, options)
        if self._has_legend:
            yield from self._draw_legend()

    def _choose(self, console: Console, options: ConsoleOptions) -> RenderableType:
        """The widest axis with which the table fits."""
        narrow = self._draw_table(NARROWEST)
        spare = options.max_width - Measurement.get(console, options.update(width=10_000), narrow).maximum
        if spare >= 0:
            return self._draw_table(min(WIDEST, NARROWEST + spare // 2 * 2))
        needed = Measurement.get(console, options.update(width=10_000), narrow).minimum
        if needed <= options.max_width and options.max_width >= 72:
            return narrow
        return self._draw_blocks(min(WIDEST, (options.max_width - 3) // 2 * 2 - 1))

    def _draw_table(self, width: int) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
        table.add_column("Metric", overflow="fold", min_width=12)
        table.add_column("mean", justify="right", no_wrap=True)
        table.add_column("lift", justify="right", no_wrap=True)
        table.add_column(Text(draw_scale(self._axis, width)), no_wrap=True, min_width=width)
        table.add_column("p", justify="right", no_wrap=True)
        table.add_column("answer", min_width=10)
        for result in self._results:
            for comparison in result.comparisons:
                table.add_row(*self._make_cells(result, comparison, width))
            if not result.comparisons:
                table.add_row(show(_name(result), "bold"), *([""] * 4), show("nothing to compare", "dim"))
        return table

    def _make_cells(self, result: MetricResult, comparison: Comparison, width: int) -> list[RenderableType]:
        means = [result.variants.get(key) for key in (self._design.control, comparison.treatment)]
        effect, interval = describe_effect(comparison), describe_interval(comparison)
        return [
            Group(show(_name(result), "bold"), show(comparison.treatment, "dim")),
            "\n".join(format_number(mean.mean if mean else None) for mean in means),
            f"{effect}\n{interval}",
            _draw_line(result, comparison, self._axis, width),
            format_p(comparison.current.p_value if comparison.current else None),
            _answer(result, comparison),
        ]

    def _draw_blocks(self, width: int) -> Group:
        parts: list[RenderableType] = [Text(f"  {draw_scale(self._axis, width)}", style="dim")]
        for result in self._results:
            for comparison in result.comparisons:
                parts += self._draw_block(result, comparison, width)
            if not result.comparisons:
                parts.append(Text.assemble(show(_name(result), "bold"), ": nothing to compare"))
        return Group(*parts)

    def _draw_block(
        self, result: MetricResult, comparison: Comparison, width: int
    ) -> Iterator[RenderableType]:
        control, treatment = (
            format_number(mean.mean if mean else None)
            for mean in (result.variants.get(key) for key in (self._design.control, comparison.treatment))
        )
        p = format_p(comparison.current.p_value if comparison.current else None)
        title = Text.assemble(
            show(_name(result), "bold"), ", ", show(comparison.treatment), ": ", _answer(result, comparison)
        )
        title.overflow = "fold"
        yield title
        yield Text("  ") + _draw_line(result, comparison, self._axis, width)
        yield show(f"  {describe_effect(comparison)} ({describe_interval(comparison)}), p {p}")
        yield show(f"  mean {control}, now {treatment}", "dim")

    def _draw_legend(self) -> Iterator[RenderableType]:
        yield Text(
            "● lift of the mean, ├━┤ its interval, │ no effect, ┊ the smallest effect that matters or a "
            "guardrail's margin.",
            style="dim",
        )
        yield Text(describe_intervals(self._results, self._design), style="dim")


def _name(result: MetricResult) -> str:
    name = name_metric(result)
    return name if result.segment is None else f"{result.segment}: {name}"


def _draw_line(result: MetricResult, comparison: Comparison, axis: Axis, width: int) -> Text:
    mark = Mark(get_lift_interval(comparison), comparison.lift, list_thresholds(result))
    style = "" if result.segment is not None else COLOURS[comparison.decision]
    return Text(draw_mark(mark, axis, width), style=style, no_wrap=True)


def _answer(result: MetricResult, comparison: Comparison) -> Text:
    style = "" if result.segment is not None else COLOURS[comparison.decision]
    words = describe_decision(result, comparison)
    return Text(words if result.role != "guardrail" or not words else f"guardrail {words}", style=style)
