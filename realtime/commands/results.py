"""`results`: a table per variant, the sample-ratio test, notes and a plot."""

from collections.abc import Collection, Iterator, Mapping
from itertools import accumulate
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chalicelib.domain.event_types import EXPOSURE

COLUMNS = ("assigned", "exposures", "conversions", "rate", "mean value", "value")


def show_results(console: Console, results: Mapping[str, Any], *, plot: bool = False) -> None:
    """``results`` as `chalicelib.domain.results` computes them."""
    title = f"{results['experiment_key']} ({results['status']}, iteration {results['iteration']})"
    # It fits 80 columns. Names wrap, but numbers do not: a number that is cut off is a wrong number.
    table = Table(title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("variant", overflow="fold")
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for key, variant in results["variants"].items():
        table.add_row(
            key,
            f"{variant['assigned']:,}",
            f"{variant['exposures']:,}",
            f"{variant['conversions']:,}",
            "–" if variant["rate"] is None else f"{variant['rate']:.4f}",
            "–" if variant["mean_value"] is None else f"{variant['mean_value']:,.4f}",
            "–" if variant["total_value"] is None else f"{variant['total_value']:,.2f}",
        )
    unassigned = sum(event["count"] for event in results["unassigned"]["events"].values())
    if unassigned:
        table.add_row("no assignment", "", "", f"{unassigned:,}", "", "", "", style="dim")
    console.print(table)
    for key, variant in results["variants"].items():
        for line in _describe_currencies(key, variant["events"]):
            console.print(line, highlight=False, markup=False)
    console.print(_describe_split(results["srm"]))
    if len(results["srm"]["periods"]) > 1:
        for period in results["srm"]["periods"]:
            console.print(_describe_period(period), highlight=False)
    for note in results["notes"]:
        console.print(f"• {note['message']}", highlight=False)
    if plot:
        console.print(_draw_plot(results))


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


def _draw_plot(results: Mapping[str, Any]) -> Text | str:
    import plotext

    days, curves = accumulate_conversions(results)
    if not days:
        return "Nothing to plot yet."
    plotext.clear_figure()
    plotext.plot_size(90, 20)
    plotext.title("Conversions per assigned user, cumulative, by day (UTC)")
    for variant, curve in curves.items():
        plotext.plot(range(len(days)), curve, label=variant)
    # Without conversions the axis would begin below zero.
    plotext.ylim(0, max(map(max, curves.values())) or 1)
    ticks = sorted({0, len(days) // 2, len(days) - 1})
    plotext.xticks(ticks, [days[tick] for tick in ticks])
    return Text.from_ansi(plotext.build())
