"""The answer in a terminal."""

import io
import re

import pytest
from rich.console import Console

from realtime.analysis.model import Analysis, Check, Verdict, VerdictCode
from realtime.analysis.reports.terminal import draw_analysis
from tests.support.analyses import (
    change_design,
    make_analysis,
    make_census,
    make_comparison,
    make_full_analysis,
    make_inference,
    make_metric,
    make_result,
    make_undefined_comparison,
)

WIDTHS = (60, 80, 120)


def show(analysis: Analysis, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(draw_analysis(analysis), highlight=False)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def flatten(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("ship", "Ship green"),
        ("do_not_ship", "Do not ship"),
        ("keep_running", "Keep running"),
        ("no_difference_that_matters", "No difference that matters"),
        ("stop_data_problem", "Stop: the data cannot be trusted"),
    ],
)
def test_the_verdict_is_first_and_in_words(code: VerdictCode, title: str) -> None:
    verdict = Verdict(code, "One sentence.", ("One reason.",), "green")
    lines = show(make_analysis(verdict=verdict)).splitlines()
    assert lines[:3] == [title, "One sentence.", "• One reason."]


def test_a_sentence_that_begins_with_the_verdict_is_not_said_twice() -> None:
    verdict = Verdict("keep_running", "Keep running: it is too early.")
    assert show(make_analysis(verdict=verdict)).startswith("Keep running: it is too early.\n\n")


def test_checks_come_before_the_numbers() -> None:
    checks = [Check("split", "alarm", "60% of the treatment are missing.")]
    text = show(make_analysis(checks=checks))
    assert "ALARM split of users: 60% of the treatment are missing." in text
    assert text.index("ALARM") < text.index("+5.00%")


@pytest.mark.parametrize("width", WIDTHS)
def test_no_number_is_cut_at_any_width(width: int) -> None:
    text = show(make_full_analysis(), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    flat = flatten(text)
    for number in ("+5.00%", "−2.00% to +12.0%", "0.160", "20.00", "21.00", "−5.00% to +2.00%", "0.1980"):
        assert number in flat
    for words in ("not clear yet", "guardrail holds", "valid for one look", "234.84"):
        assert words in flat


@pytest.mark.parametrize("width", WIDTHS)
def test_large_numbers_and_long_names_are_whole(width: int) -> None:
    comparison = make_comparison(
        123.4, -1234.5, 98765.4, mean=-123456.78, treatment="t" * 60, p=0.00001, decision="worse"
    )
    result = make_result(
        comparison, metric=make_metric("qx" * 30), means={"control": -123456.78, "t" * 60: 987654.32}
    )
    text = show(make_analysis(result, census=make_census({"control": 10**9, "t" * 60: 10**9})), width)
    assert max(map(len, text.splitlines())) <= width
    for number in ("+12,340%", "−123,450%", "+9.9e+06%", "−123,457", "987,654", "<0.0001", "1,000,000,000"):
        assert number in text
    assert text.count("q") in (60, 90)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_interval_is_drawn(width: int) -> None:
    assert re.search(r"├━*[┿━]*●[┿━]*┤", show(make_analysis(), width))


def test_fixed_numbers_are_marked_as_valid_for_one_look_only() -> None:
    assert "one look" not in show(make_analysis())
    comparison = make_comparison(fixed=make_inference(-0.013, 0.117, 0.0912, 20.0), chance_to_beat=0.93)
    text = show(make_analysis(make_result(comparison)))
    assert "Fixed horizon: valid for one look only" in text
    assert re.search(r"revenue, treatment +−1.30% to \+11.7% 0.0912 +93.0%", text)


def test_intervals_say_how_sure_they_are_and_how_often_one_may_look() -> None:
    assert "Intervals (95%) and p are valid at any time, however often you look." in show(make_analysis())
    fixed = show(change_design(make_analysis(), is_sequential=False))
    assert "Intervals (95%) and p are valid for one look only." in fixed
    half = make_result(make_comparison(alpha=0.025))
    other = make_result(metric=make_metric("orders"), role="secondary")
    assert "97.5%: revenue; 95%: orders" in flatten(show(make_analysis(half, other)))


@pytest.mark.parametrize(
    ("progress", "planned", "words"),
    [
        (None, None, "No plan"),
        (0.5, 4000, "50.0% of the 4,000 users planned"),
        (1.2, 4000, "The plan is reached: 120.0% of 4,000 users"),
    ],
)
def test_progress_to_the_plan_is_said(progress: float | None, planned: int | None, words: str) -> None:
    assert words in show(change_design(make_analysis(progress=progress), planned_users=planned))


def test_segments_are_exploration_without_a_verdict() -> None:
    text = show(make_full_analysis())
    before, after = text.split("By country")
    assert "Exploration only" in flatten(after)
    assert "not clear yet" in before
    assert "not clear yet" not in after
    assert "DE: revenue" in after


def test_segments_that_nobody_is_in_are_said() -> None:
    assert "property country" in show(make_analysis(by="country"))


@pytest.mark.parametrize("width", WIDTHS)
def test_where_nothing_can_be_said_there_are_dashes(width: int) -> None:
    result = make_result(make_undefined_comparison(), means={"control": None, "treatment": None}, users=0)
    census = make_census({"control": 0, "treatment": 0}, first_anchor=None, last_anchor=None)
    text = show(make_analysis(result, checks=[], census=census, progress=0.0), width)
    assert "no users" in text
    assert "Too few users." in text
    assert "None" not in text
    assert "nan" not in text


def test_one_variant_alone_has_means_and_no_comparison() -> None:
    result = make_result(metric=make_metric(), means={"control": 20.0}, comparisons=())
    text = show(make_analysis(result))
    assert "nothing to compare" in text
    assert "20.00" in text


def test_an_analysis_without_metrics_says_how_to_name_some() -> None:
    assert "--metrics FILE" in show(make_analysis(metrics=()))


def test_names_are_text_and_no_markup_or_command() -> None:
    metric = make_metric(name="[red]a[/red] \x1b[2J")
    text = show(make_analysis(make_result(metric=metric)))
    assert "[red]a[/red]" in text
    assert "\x1b" not in text
