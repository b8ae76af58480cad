"""What is plotted, and how a terminal draws it."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.model import (
    Bin,
    Census,
    DaySum,
    Design,
    Interval,
    Look,
    MetricResult,
    Moments,
)
from realtime.analysis.reports.plots import (
    DAY,
    MAX_LOOKS,
    Curve,
    find_range,
    format_day,
    list_times,
    make_curves,
    read_plots,
)
from realtime.analysis.reports.terminal_plots import draw_plots
from tests.support.analyses import (
    NOW,
    change_design,
    make_analysis,
    make_census,
    make_comparison,
    make_metric,
    make_result,
    make_undefined_comparison,
)
from tests.support.analysis_plots import make_curve, make_plots


class PlainEngine:
    """Counts the scans; its numbers are those of no archive."""

    name = "plain"
    notes: Sequence[str] = ()

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def read_census(self, design: Design) -> Census:
        raise NotImplementedError

    def read_counts(self, design: Design) -> dict[str, dict[str, int]]:
        raise NotImplementedError

    def read_moments(
        self, design: Design, metrics: Sequence[MetricDocument], by: str | None = None
    ) -> list[Moments]:
        raise NotImplementedError

    def read_looks(self, design: Design, metric: MetricDocument, times: Sequence[float]) -> list[Look]:
        self.asked.append(("looks", metric.key))
        return [Look(time, Moments(metric, [])) for time in times]

    def read_distribution(self, design: Design, metric: MetricDocument, bins: int) -> list[Bin]:
        self.asked.append(("distribution", metric.key))
        return [Bin("control", 0, 1, bins)]

    def read_days(self, design: Design, metric: MetricDocument, days: int) -> list[DaySum]:
        self.asked.append(("days", metric.key))
        return [DaySum("control", 0, days, Fraction(1))]

    def list_sql(self, design: Design, metrics: Sequence[MetricDocument]) -> list[str]:
        raise NotImplementedError


def measure(design: Design, moments: Moments) -> MetricResult:
    return make_result(metric=moments.metric)


def test_there_is_a_look_at_the_end_of_each_utc_day_and_at_the_end() -> None:
    times = list_times(make_analysis(), make_metric())
    assert [format_day(time) for time in times] == ["2026-05-25", "2026-05-26", "2026-05-27", "2026-05-28"]
    assert times[-1] == NOW
    assert all(time % DAY == 0 for time in times[:-1])


def test_a_long_experiment_has_a_bounded_number_of_looks() -> None:
    census = make_census(first_anchor=NOW - 3000 * DAY)
    times = list_times(make_analysis(census=census), make_metric())
    assert MAX_LOOKS / 2 < len(times) <= MAX_LOOKS
    assert times == sorted(set(times))


def test_looks_end_where_the_analysis_does() -> None:
    until = NOW - 1.5 * DAY
    times = list_times(change_design(make_analysis(), until=until), make_metric())
    assert times[-1] == until
    assert max(times) == until


def test_looks_end_when_the_last_window_is_over() -> None:
    analysis = make_analysis(as_of=NOW + 900 * DAY)
    times = list_times(analysis, make_metric(window="14d"))
    assert format_day(times[-1]) == "2026-06-11"
    assert len(times) == 18


def test_nobody_is_looked_at_without_users() -> None:
    assert (
        list_times(make_analysis(census=make_census({"control": 0}, first_anchor=None)), make_metric()) == []
    )


def test_the_primary_metrics_are_plotted_with_one_scan_each() -> None:
    engine = PlainEngine()
    analysis = make_analysis(make_result(), make_result(metric=make_metric("orders"), role="secondary"))
    [plots] = read_plots(engine, analysis, measure)
    assert engine.asked == [("looks", "revenue"), ("distribution", "revenue"), ("days", "revenue")]
    assert len(plots.curves[0].steps) == 4


def test_without_primary_metrics_the_first_one_is_plotted() -> None:
    engine = PlainEngine()
    analysis = make_analysis(make_result(metric=make_metric("orders"), role="secondary"))
    [plots] = read_plots(engine, analysis, measure, has_all=False)
    assert engine.asked == [("looks", "orders")]
    assert (plots.bins, plots.days) == ([], [])


def test_days_without_an_answer_are_left_out_of_a_curve() -> None:
    design = make_analysis().design
    looks = [(1.0, make_result(make_undefined_comparison())), (2.0, make_result(make_comparison()))]
    [curve] = make_curves(design, looks)
    assert [step.until for step in curve.steps] == [2.0]
    assert curve.is_lift


def test_without_a_lift_the_difference_is_plotted() -> None:
    comparison = make_comparison()
    assert comparison.current
    inference = replace(comparison.current, lift_interval=None)
    [curve] = make_curves(
        make_analysis().design, [(1.0, make_result(replace(comparison, lift=None, current=inference)))]
    )
    assert not curve.is_lift
    assert curve.steps[0].interval == inference.interval


def test_the_wide_first_days_are_cut() -> None:
    curve = make_curve()
    widest = max(step.interval.upper or 0 for step in curve.steps)
    assert (curve.steps[-1].interval.upper or 0) < find_range(curve, []) < 1.06 * widest
    assert find_range(Curve("t", [], is_lift=True), []) > 0


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_draws_the_effect_and_the_users(width: int) -> None:
    analysis = make_analysis()
    effect, users = [text.plain for text in draw_plots(analysis, make_plots(analysis), width)]
    assert "revenue, treatment: lift until each day, with its always-valid band" in effect
    assert "2026-05-28" in effect
    assert "Users by day (UTC)" in users
    assert "control" in users
    for line in [*effect.splitlines()[1:], *users.splitlines()[1:]]:
        assert len(line) <= width


def test_a_band_of_a_fixed_horizon_is_marked() -> None:
    analysis = change_design(make_analysis(), is_sequential=False)
    effect, _ = [text.plain for text in draw_plots(analysis, make_plots(analysis), 80)]
    assert "valid for one look only" in effect


def test_nothing_to_plot_is_said() -> None:
    analysis = make_analysis(census=make_census({"control": 0}, first_anchor=None))
    empty = [replace(make_plots(analysis)[0], curves=[Curve("treatment", [], is_lift=True)])]
    census = replace(analysis.census, users=[users._replace(by_day={}) for users in analysis.census.users])
    effect, users = [text.plain for text in draw_plots(replace(analysis, census=census), empty, 80)]
    assert effect.endswith("nothing to draw yet.")
    assert users.endswith("none yet.")


def test_one_day_and_open_ends_are_drawn() -> None:
    analysis = make_analysis()
    step = make_curve(1).steps[0]._replace(interval=Interval(None, None))
    plots = [replace(make_plots(analysis)[0], curves=[Curve("treatment", [step], is_lift=True)])]
    effect, _ = [text.plain for text in draw_plots(analysis, plots, 60)]
    assert "2026-05-28" in effect
