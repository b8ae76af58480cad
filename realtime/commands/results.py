"""Results of an experiment in the terminal: a table per variant, the split test, notes, a plot."""

from collections.abc import Collection, Mapping
from itertools import accumulate
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chalicelib.domain.results import EXPOSURE

COLUMNS = ("assigned", "exposures", "conversions", "rate", "mean value", "value")


def show(results: Mapping[str, Any], console: Console, *, plot: bool = False) -> None:
    """``results`` as `chalicelib.domain.results` makes them."""
    title = f"{results['experiment_key']} ({results['status']}, iteration {results['iteration']})"
    # Light enough for 80 columns: a number that is cut off says something else, so names wrap instead.
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("variant", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for key, one in results["variants"].items():
        table.add_row(
            key,
            f"{one['assigned']:,}",
            f"{one['exposures']:,}",
            f"{one['conversions']:,}",
            "–" if one["rate"] is None else f"{one['rate']:.4f}",
            "–" if one["mean_value"] is None else f"{one['mean_value']:,.4f}",
            f"{one['total_value']:,.2f}",
        )
    unassigned = sum(one["count"] for one in results["unassigned"]["events"].values())
    if unassigned:
        table.add_row("no assignment", "", "", f"{unassigned:,}", "", "", "", style="dim")
    console.print(table)
    console.print(_split(results["srm"]))
    for note in results["notes"]:
        console.print(f"• {note['message']}", highlight=False)
    if plot:
        console.print(_plot(results))


def _split(srm: Mapping[str, Any]) -> str:
    if srm["p_value"] is None:
        return "Split: not testable yet."
    verdict = "[bold red]SAMPLE RATIO MISMATCH[/]" if srm["alarm"] else "as asked for"
    return f"Split: {verdict} (χ² {srm['chi_square']:.2f}, p {srm['p_value']:.4g})."


def cumulative(results: Mapping[str, Any]) -> tuple[list[str], dict[str, list[float]]]:
    """Days, and per variant the conversions up to each day per user assigned until now.

    The divisor is the same for all days: events may be older than the assignments that they count for.
    """
    days = list(results["windows"]["day"])
    curves: dict[str, list[float]] = {}
    for variant, total in results["variants"].items():
        windows = [results["windows"]["day"][day].get(variant, {}) for day in days]
        counts = [_conversions(window, results["conversions"]) for window in windows]
        curves[variant] = [count / max(1, total["assigned"]) for count in accumulate(counts)]
    return days, curves


def _conversions(window: Mapping[str, Any], types: Collection[str] | None) -> int:
    events = window.get("events", {})
    return sum(events[kind]["count"] for kind in events.keys() & (types or events.keys() - {EXPOSURE}))


def _plot(results: Mapping[str, Any]) -> Text | str:
    import plotext

    days, curves = cumulative(results)
    if not days:
        return "Nothing to plot yet."
    plotext.clear_figure()
    plotext.plot_size(90, 20)
    plotext.title("Conversions per assigned user, cumulative, by day (UTC)")
    for variant, curve in curves.items():
        plotext.plot(range(len(days)), curve, label=variant)
    plotext.ylim(0, max(map(max, curves.values())) or 1)  # nothing converted: no axis below zero
    ticks = sorted({0, len(days) // 2, len(days) - 1})
    plotext.xticks(ticks, [days[tick] for tick in ticks])
    return Text.from_ansi(plotext.build())
