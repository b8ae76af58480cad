"""Results in the terminal."""

import io
import re
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.results import compute_results
from chalicelib.domain.sample_ratio import Publication
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.domain.stream.counters import Counter, CounterItem, Sums
from realtime.analysis.reports.day_axis import draw_line, mark_days, place_days
from realtime.commands.results import accumulate_conversions, show_results
from tests.support.experiments import shares
from tests.support.plane import purchase_experiment

DAY = 20_779
UNIT = SCALE // 10_000


def counted(variant: str, event_type: str, sums: Sums, day: int = DAY) -> CounterItem:
    return CounterItem(Counter("checkout", variant, event_type, day, "s/0"), {10: sums})


RESULTS = compute_results(
    purchase_experiment(),
    [
        counted("control", ASSIGNED, Sums(1000)),
        counted("treatment", ASSIGNED, Sums(700)),
        counted("control", "purchase", Sums(10, 1_234_500 * UNIT, 1)),
        counted("control", "exposure", Sums(900)),
        counted("control", "purchase", Sums(30), DAY + 1),
        counted("treatment", "purchase", Sums(7), DAY + 1),
        counted("$unassigned", "purchase", Sums(3)),
    ],
)


def shown(plot: bool = False, width: int = 120, results: dict[str, Any] = RESULTS) -> str:
    console = Console(file=io.StringIO(), width=width)
    show_results(console, results, plot=plot)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_has_a_row_for_each_variant_and_one_for_the_unassigned() -> None:
    text = shown()
    for part in ("control", "1,000", "0.0400", "123.45", "treatment", "no assignment"):
        assert part in text


def test_80_columns_cut_off_nothing() -> None:
    assert "…" not in shown(width=80)
    for part in ("conversion", "per user", "1,000", "0.0400", "123.45"):
        assert part in shown(width=80)


def test_in_60_columns_variants_stand_beside_each_other() -> None:
    text = shown(width=60)
    assert "…" not in text
    assert re.search(r"^users assigned +1,000 +700 *$", text, re.MULTILINE)
    assert re.search(r"^events per user +0\.0400 +0\.0100 *$", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 60


def test_what_decides_is_named() -> None:
    assert "Which variant won: python -m realtime analyze checkout" in shown()


def test_a_mismatch_and_what_it_means_are_shown() -> None:
    assert "SAMPLE RATIO MISMATCH" in shown()
    assert "find the cause" in shown()


def test_each_period_of_one_split_is_shown() -> None:
    changed = purchase_experiment(variants=shares(control=0.2, treatment=0.8))
    publications = [Publication(0.0, purchase_experiment()), Publication(DAY * 86_400.0, changed)]
    items = [counted("control", ASSIGNED, Sums(20)), counted("treatment", ASSIGNED, Sums(80))]
    text = shown(results=compute_results(changed, items, publications))
    assert "  from the beginning: control 50.0%, treatment 50.0% (not tested)" in text
    assert "  from 2026-11-22T00:00:00.000Z: control 20.0%, treatment 80.0% (χ² 0.00)" in text


def test_conversions_accumulate_per_assigned_user() -> None:
    days, curves = accumulate_conversions(RESULTS)
    assert days == ["2026-11-22", "2026-11-23"]
    assert curves == {"control": [0.01, 0.04], "treatment": [0.0, 0.01]}


def test_the_plot_is_drawn_in_the_terminal() -> None:
    text = shown(plot=True)
    assert "cumulative" in text
    assert "2026-11-23" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_plot_fits_the_terminal_and_uses_its_colours(width: int) -> None:
    text = shown(plot=True, width=width).partition("(UTC)")[2]
    assert max(map(len, text.splitlines())) <= min(width, 90)
    assert "\x1b[4" not in text  # no background of its own


def test_days_are_as_far_apart_as_they_are() -> None:
    assert place_days(["2026-01-01", "2026-01-02", "2026-03-01"]) == [0, 1, 59]
    drawn: list[Any] = []
    plot = SimpleNamespace(
        plot=lambda *_, **__: drawn.append("line"),
        scatter=lambda *_, **__: drawn.append("point"),
        xticks=lambda places, names: drawn.append((places, names)),
    )
    draw_line(plot, [0], [1.0])
    draw_line(plot, [0, 59], [1.0, 2.0])
    mark_days(plot, ["2026-01-01", "2026-01-02", "2026-03-01"])
    assert drawn == ["point", "line", ([0, 1, 59], ["2026-01-01", "2026-01-02", "2026-03-01"])]


def test_days_without_conversions_do_not_stretch_the_plot() -> None:
    """As in the demo: users are assigned today, and bought in 1997."""
    items = [
        counted("control", ASSIGNED, Sums(5)),
        counted("control", "purchase", Sums(1), 9_862),
        counted("control", "purchase", Sums(1), 9_872),
    ]
    plot = shown(plot=True, results=compute_results(purchase_experiment(), items)).partition("cumulative")[2]
    assert "1997-01-01" in plot
    assert "1997-01-11" in plot
    assert "2026" not in plot


def test_without_conversions_the_axis_begins_at_zero() -> None:
    console = Console(file=io.StringIO(), width=120)
    show_results(
        console, compute_results(purchase_experiment(), [counted("control", ASSIGNED, Sums(5))]), plot=True
    )
    assert isinstance(console.file, io.StringIO)
    plot = console.file.getvalue().partition("cumulative")[2]
    assert "0.00" in plot
    assert "-0" not in plot.replace("2026-0", "")


def test_without_events_there_is_nothing_to_plot() -> None:
    console = Console(file=io.StringIO(), width=120)
    show_results(console, compute_results(purchase_experiment(), []), plot=True)
    assert isinstance(console.file, io.StringIO)
    assert "Nothing to plot yet" in console.file.getvalue()


def test_amounts_that_are_not_added_up_are_shown_by_currency() -> None:
    item = counted("control", "purchase", Sums(2, 3 * SCALE, 9))
    other = CounterItem(item.counter._replace(currency="JPY"), {10: Sums(1, 1500 * SCALE, 1)})
    text = shown(results=compute_results(purchase_experiment(), [item, other]), width=60)
    assert "control: purchase 3.00, 1,500.00 JPY" in text
