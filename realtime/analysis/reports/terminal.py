"""The answer in a terminal: the verdict first, then checks, then the numbers."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from realtime.analysis.model import Analysis, Check, CheckStatus, MetricResult, VerdictCode
from realtime.analysis.numbers import format_number, format_p, format_share
from realtime.analysis.reports.comparison_table import Comparisons
from realtime.analysis.reports.shown_text import show
from realtime.analysis.reports.words import (
    EXPLORATION,
    ONE_LOOK,
    STATUSES,
    describe_anchor,
    describe_dates,
    describe_interval,
    describe_progress,
    describe_setting,
    describe_verdict,
    list_notes,
    name_check,
    name_metric,
)

VERDICT_COLOURS: Final[dict[VerdictCode, str]] = {
    "stop_data_problem": "red",
    "keep_running": "yellow",
    "ship": "green",
    "do_not_ship": "red",
    "no_difference_that_matters": "cyan",
}
STATUS_COLOURS: Final[dict[CheckStatus, str]] = {
    "ok": "green",
    "note": "dim",
    "warning": "yellow",
    "alarm": "bold red",
}


def draw_analysis(analysis: Analysis) -> Group:
    parts = [
        _draw_verdict(analysis),
        _draw_header(analysis),
        _draw_checks(analysis.checks),
        *_draw_metrics(analysis),
        *_draw_segments(analysis),
    ]
    return Group(*_separate(parts))


def _make_table(*columns: str, first: str = "") -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _separate(parts: Sequence[RenderableType]) -> Iterator[RenderableType]:
    for index, part in enumerate(parts):
        if index:
            yield Text("")
        yield part


def _draw_verdict(analysis: Analysis) -> RenderableType:
    verdict = analysis.verdict
    colour = VERDICT_COLOURS[verdict.code]
    title = describe_verdict(verdict)
    style = f"bold {colour}"
    is_in_sentence = verdict.sentence.startswith(title)
    lines = (
        [show(verdict.sentence, style)] if is_in_sentence else [show(title, style), show(verdict.sentence)]
    )
    return Group(*lines, *(_make_item(reason) for reason in verdict.reasons))


def _draw_header(analysis: Analysis) -> RenderableType:
    design = analysis.design
    title = f"{design.experiment_key}, iteration {design.iteration}, version {design.version}"
    who = f"{sum(users.users for users in analysis.census.users):,} users ({describe_dates(analysis)}, UTC)"
    variants = ", ".join(f"{users.variant} {users.users:,}" for users in analysis.census.users)
    return Group(
        show(title, "bold"),
        show(f"{who}, {describe_anchor(design)}: {variants or 'none'}."),
        show(describe_progress(analysis)),
    )


def _draw_checks(checks: Sequence[Check]) -> RenderableType:
    if not checks:
        return Text("No check could be made.")
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=max(map(len, STATUSES.values())))
    table.add_column(overflow="fold")
    for check in checks:
        text = Text.assemble((name_check(check.code), "bold"), ": ", show(check.message))
        table.add_row(show(STATUSES[check.status], STATUS_COLOURS[check.status]), text)
    return Group(Text("Checks", style="bold"), table)


def _draw_metrics(analysis: Analysis) -> list[RenderableType]:
    if not analysis.metrics:
        return [Text("No metrics: name some in the experiment's `analysis`, or give --metrics FILE.")]
    comparisons = Comparisons(analysis.metrics, analysis.design)
    return [
        comparisons,
        *_draw_notes(analysis.metrics),
        _draw_variants(analysis),
        *_draw_fixed(analysis.metrics),
    ]


def _draw_notes(results: Sequence[MetricResult]) -> list[RenderableType]:
    notes = [note for result in results for note in list_notes(result)]
    return [Group(*map(_make_item, notes))] if notes else []


def _draw_variants(analysis: Analysis) -> RenderableType:
    """Users who did it at all, and what there is per user."""
    table = _make_table("users", "converted", "share", "per user", first="Each variant")
    for result in analysis.metrics:
        table.add_row(show(name_metric(result), "bold"), style="")
        table.add_row(show(f"  {describe_setting(result)}", "dim"))
        for key, mean in result.variants.items():
            share = mean.converted / mean.users if mean.users else None
            table.add_row(
                show(f"  {key}"),
                f"{mean.users:,}",
                f"{mean.converted:,}",
                format_share(share),
                format_number(mean.raw_mean),
            )
    return table


def _draw_fixed(results: Sequence[MetricResult]) -> list[RenderableType]:
    table = _make_table("interval", "p", "beats control", first=f"Fixed horizon: {ONE_LOOK}")
    for result in results:
        for comparison in result.comparisons:
            if comparison.fixed is not None:
                table.add_row(
                    show(f"{name_metric(result)}, {comparison.treatment}"),
                    describe_interval(comparison, is_fixed=True),
                    format_p(comparison.fixed.p_value),
                    format_share(comparison.chance_to_beat),
                )
    return [table] if table.row_count else []


def _draw_segments(analysis: Analysis) -> list[RenderableType]:
    if analysis.by is None:
        return []
    title = show(f"By {analysis.by}", "bold")
    if not analysis.segments:
        return [Group(title, show(f"No anchored user has an event with the property {analysis.by}."))]
    table = Comparisons(analysis.segments, analysis.design, has_legend=False)
    return [Group(title, Text(EXPLORATION), table)]


def _make_item(text: str) -> RenderableType:
    """A list's dot, and its text indented beside it."""
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(width=1)
    grid.add_column(overflow="fold")
    grid.add_row("•", show(text))
    return grid
