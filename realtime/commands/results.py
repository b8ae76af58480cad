"""`results`: a table per variant, the sample-ratio test, notes and a plot."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chalicelib.domain.event_types import EXPOSURE
from realtime.analysis.reports.day_axis import draw_line, mark_days, place_days, start_plot

COLUMNS = (
    "users\nassigned",
    "exposures",
    "conversion\nevents",
    "events\nper user",
    "mean of\nan event",
    "value",
)
WIDEST, HEIGHT = 90, 20
"""Of the plot."""
NARROW = 72
"""Columns of a terminal below which variants stand beside each other, so that no number is cut off."""


def show_results(console: Console, results: Mapping[str, Any], *, plot: bool = False) -> None:
    """``results`` as `chalicelib.domain.results` computes them."""
    console.print(_make_table(results, is_narrow=console.width < NARROW))
    for key, variant in results["variants"].items():
        for line in _describe_currencies(key, variant["events"]):
            console.print(line, highlight=False, markup=False)
    console.print(_describe_split(results["srm"]))
    if len(results["srm"]["periods"]) > 1:
        for period in results["srm"]["periods"]:
            console.print(_describe_period(period), highlight=False)
    for note in results["notes"]:
        console.print(f"• {note['message']}", highlight=False)
    command = f"python -m realtime analyze {results['experiment_key']}"
    text = f"This counts events, not users who convert. Which variant won: {command}"
    console.print(text, highlight=False, markup=False)
    if plot:
        console.print(_draw_plot(results, console.width))


def _make_table(results: Mapping[str, Any], *, is_narrow: bool) -> Table:
    """It fits 80 columns. Names wrap, but numbers do not: a number that is cut off is a wrong number."""
    title = f"{results['experiment_key']} ({results['status']}, iteration {results['iteration']})"
    rows = {key: _format_variant(variant) for key, variant in results["variants"].items()}
    unassigned = sum(event["count"] for event in results["unassigned"]["events"].values())
    if unassigned:
        rows["no assignment"] = ["", "", f"{unassigned:,}", "", "", ""]
    names: Iterable[str] = COLUMNS
    if is_narrow:
        labels = (name.replace("\n", " ") for name in COLUMNS)
        names, lines = rows, zip(*rows.values(), strict=True)
        rows = {label: [*line] for label, line in zip(labels, lines, strict=True)}
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("" if is_narrow else "variant", overflow="fold", vertical="bottom")
    for name in names:
        table.add_column(name, justify="right", no_wrap=not is_narrow, overflow="fold")
    for name, cells in rows.items():
        table.add_row(name, *cells, style="dim" if name == "no assignment" else "")
    return table


def _format_variant(variant: Mapping[str, Any]) -> list[str]:
    mean, per_user, total = (variant[name] for name in ("mean_value", "events_per_user", "total_value"))
    return [
        f"{variant['assigned']:,}",
        f"{variant['exposures']:,}",
        f"{variant['conversions']:,}",
        "–" if per_user is None else f"{per_user:.4f}",
        "–" if mean is None else f"{mean:,.4f}",
        "–" if total is None else f"{total:,.2f}",
    ]


def _describe_currencies(variant: str, events: Mapping[str, Any]) -> Iterator[str]:
    """A line for each event type with amounts that are not added up."""
    for event_type, summary in events.items():
        if summary["sum"] is None:
            sums = (f"{each['sum']:,.2f} {code}".strip() for code, each in summary["currencies"].items())
            yield f"  {variant}: {event_type} {', '.join(sums)}"


def _describe_split(srm: Mapping[str, Any]) -> str:
    if srm["p_value"] is None:
        return "Split: not testable yet."
    verdict = "[bold red]SAMPLE RATIO MISMATCH[/]" if srm["alarm"] else "as asked for"
    return f"Split: {verdict} (χ² {srm['chi_square']:.2f}, p {srm['p_value']:.4g})."


def _describe_period(period: Mapping[str, Any]) -> str:
    split = ", ".join(f"{variant} {share:.1%}" for variant, share in period["split"].items())
    tested = "not tested" if period["chi_square"] is None else f"χ² {period['chi_square']:.2f}"
    return f"  from {period['start'] or 'the beginning'}: {split} ({tested})"


def accumulate_conversions(results: Mapping[str, Any]) -> tuple[list[str], dict[str, list[float]]]:
    """The days, and for each variant the conversions up to each day divided by its users assigned until now.

    All days have the same divisor, as an event may be older than the assignment that it counts for.
    """
    days = list(results["windows"]["day"])
    curves: dict[str, list[float]] = {}
    for variant, totals in results["variants"].items():
        windows = [results["windows"]["day"][day].get(variant, {}) for day in days]
        counts = [_count_conversions(window, results["conversions"]) for window in windows]
        curves[variant] = [count / max(1, totals["assigned"]) for count in accumulate(counts)]
    return days, curves


def _count_conversions(window: Mapping[str, Any], types: Collection[str] | None) -> int:
    events = window.get("events", {})
    return sum(
        events[event_type]["count"] for event_type in events.keys() & (types or events.keys() - {EXPOSURE})
    )


def _draw_plot(results: Mapping[str, Any], width: int) -> Text | str:
    all_days, all_curves = accumulate_conversions(results)
    if not all_days:
        return "Nothing to plot yet."
    # Users of today may have bought long ago: between the two there is nothing to see.
    shown = [number for number in range(len(all_days)) if _rises(all_curves, number)] or range(len(all_days))
    days = [all_days[number] for number in shown]
    plot = start_plot(min(width, WIDEST), HEIGHT)
    for variant, curve in all_curves.items():
        draw_line(plot, place_days(days), [curve[number] for number in shown], label=variant)
    # Without conversions the axis would begin below zero.
    plot.ylim(0, max(map(max, all_curves.values())) or 1)
    mark_days(plot, days)
    title = "Conversion events per assigned user, cumulative, by day (UTC)"
    return Text("\n").join([Text(title), Text.from_ansi(plot.build())])


def _rises(curves: Mapping[str, Sequence[float]], number: int) -> bool:
    """Whether there were conversions on that day."""
    return any(curve[number] > (curve[number - 1] if number else 0) for curve in curves.values())
