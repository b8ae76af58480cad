"""Intervals that are drawn with characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.analysis.model import Interval
from realtime.analysis.reports.axis import Axis, Mark, draw_mark, draw_scale, find_axis, list_marks
from tests.support.analyses import make_comparison, make_metric, make_result

WIDTH = 21


def draw(interval: Interval | None, effect: float | None = None, *thresholds: float) -> str:
    return draw_mark(Mark(interval, effect, thresholds), Axis(0.1), WIDTH)


def test_an_interval_is_where_its_numbers_are() -> None:
    assert draw(Interval(-0.05, 0.08), 0.03) == "·····├━━━━┿━━●━━━━┤··"
    assert draw(Interval(0.02, 0.04), 0.03) == "··········│·├●┤······"


def test_thresholds_are_dotted_lines() -> None:
    assert draw(None, None, -0.05, 0.05) == "·····┊····│····┊·····"


def test_what_is_beyond_the_axis_or_unbounded_is_an_arrow() -> None:
    assert draw(Interval(None, 0.5), 0.3) == "◀" + "━" * 9 + "┿" + "━" * 9 + "▶"
    assert draw(Interval(-0.5, -0.2), -0.3) == "◀" + "·" * 9 + "│" + "·" * 10
    assert draw(Interval(0.2, 0.5), 0.3) == "·" * 10 + "│" + "·" * 9 + "▶"


def test_the_scale_names_both_ends_and_0() -> None:
    assert draw_scale(Axis(0.1), WIDTH) == "−10%      0      +10%"
    assert draw_scale(Axis(0.005), WIDTH) == "−0.5%     0     +0.5%"


def test_one_row_that_is_far_wider_does_not_flatten_the_others() -> None:
    narrow = [Mark(Interval(-0.03, 0.04), 0.0)] * 3
    assert find_axis(narrow).limit == 0.05
    assert find_axis([*narrow, Mark(Interval(-3.0, 5.0), 1.0)]).limit == 0.2


@pytest.mark.parametrize("marks", [[], [Mark(None, None)], [Mark(Interval(None, None), None)]])
def test_an_axis_without_numbers_is_drawn(marks: list[Mark]) -> None:
    assert len(draw_mark(Mark(None, None), find_axis(marks), WIDTH)) == WIDTH


def test_a_guardrails_margin_is_on_the_side_that_is_worse() -> None:
    for better, place in (("up", -0.03), ("down", 0.03)):
        metric = make_metric(better=better)
        [mark] = list_marks([make_result(metric=metric, role="guardrail", margin=0.03)])
        assert mark.thresholds == [place]


def test_a_minimum_effect_is_on_both_sides() -> None:
    [mark] = list_marks([make_result(make_comparison(), metric=make_metric(minimum_effect=0.02))])
    assert mark.thresholds == [-0.02, 0.02]


ends = st.none() | st.floats(-20, 20)


@given(ends, ends, ends, st.sampled_from([17, 33, 49]))
def test_a_line_has_the_width_that_is_asked_for(
    lower: float | None, upper: float | None, effect: float | None, width: int
) -> None:
    if lower is not None and upper is not None:
        lower, upper = sorted((lower, upper))
    mark = Mark(Interval(lower, upper), effect)
    assert len(draw_mark(mark, find_axis([mark]), width)) == width
    assert len(draw_scale(find_axis([mark]), width)) == width
