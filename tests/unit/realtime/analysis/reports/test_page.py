"""The answer as one page: whole, safe, and readable without its pictures."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from realtime.analysis.model import Analysis, Check, Verdict
from realtime.analysis.reports.html.charts import Range, draw_bars, list_ticks
from realtime.analysis.reports.html.elements import Markup, join, make_style, tag
from realtime.analysis.reports.html.page import write_page
from tests.support.analyses import (
    change_design,
    make_analysis,
    make_census,
    make_comparison,
    make_full_analysis,
    make_metric,
    make_result,
    make_undefined_comparison,
)
from tests.support.analysis_plots import make_plots

HOSTILE = "<script>alert(1)</script>\"'&\x1b\x00"
MAX_BYTES = 60_000


class Page(HTMLParser):
    """Its elements and texts. An end tag that closes nothing is a mistake."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self.open[-1] if self.open else "", data))

    def find(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name in names]

    @property
    def text(self) -> str:
        return " ".join(" ".join(text for name, text in self.texts if name != "style").split())


def make_page(analysis: Analysis | None = None) -> Page:
    analysis = analysis or make_full_analysis()
    page = Page(write_page(analysis, make_plots(analysis)))
    assert page.open == []
    return page


def make_named_analysis(name: str) -> Analysis:
    comparison = make_comparison(treatment=name, notes=(name,))
    result = make_result(
        comparison,
        metric=make_metric(name=name, description=name),
        means={"control": 20.0, name: 21.0},
    )
    census = make_census({"control": 10, name: 12})
    analysis = make_analysis(
        result,
        checks=[Check(name, "warning", name)],
        verdict=Verdict("ship", name, (name,), name),
        census=census,
        segments=[replace(result, segment=name)],
        by=name,
    )
    shares = {"control": 0.5, name: 0.5}
    return change_design(analysis, experiment_key=name, anchor=name, shares=shares)


def test_the_verdict_is_the_first_heading() -> None:
    page = make_page()
    headings = [(name, text) for name, text in page.texts if re.fullmatch("h[1-6]", name)]
    assert headings[0] == ("h1", "Keep running")
    levels = [int(name[1]) for name, _ in headings]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_the_terminal_says_is_there() -> None:
    text = make_page().text
    for words in (
        "It is too early to say.",
        "Users are split as planned.",
        "50.0% of the 4,000 users planned",
        "−2.00% to +12.0%",
        "0.160",
        "valid for one look only",
        "Exploration only",
        "capped at 234.84",
        "valid at any time, however often you look",
    ):
        assert words in text


def test_it_loads_and_runs_nothing() -> None:
    analysis = make_full_analysis()
    text = write_page(analysis, make_plots(analysis))
    page = Page(text)
    names = {name for name, _ in page.elements}
    assert not names & {"script", "iframe", "img", "object", "embed", "form", "base", "a", "use", "image"}
    assert page.find("link") == [{"rel": "icon", "href": "data:,"}]
    assert "http" not in text.replace("http-equiv", "")
    assert not re.search(r"@import|url\(|@font-face", text)
    for attributes in page.find(*names):
        assert not {"style", "src"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]


def test_its_policy_allows_its_own_style_and_nothing_else() -> None:
    analysis = make_full_analysis()
    text = write_page(analysis, make_plots(analysis))
    [policy] = [each["content"] for each in Page(text).find("meta") if "http-equiv" in each]
    [css] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(css.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_every_text_is_escaped() -> None:
    analysis = make_named_analysis(HOSTILE)
    text = write_page(analysis, make_plots(analysis))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\x1b" not in text
    assert "\x00" not in text
    assert Page(text).open == []


def test_names_change_no_element_of_the_page() -> None:
    """The same analysis with a harmless name has the same elements with the same kinds of attributes."""
    hostile, harmless = (
        [(name, sorted(attributes)) for name, attributes in make_page(make_named_analysis(name)).elements]
        for name in (HOSTILE, "harmless")
    )
    assert hostile == harmless


def test_each_picture_has_a_label_and_each_plot_a_table() -> None:
    page = make_page()
    pictures = [svg for svg in page.find("svg") if svg.get("role") == "img"]
    assert len(pictures) >= 8
    assert all(svg["aria-label"] for svg in pictures)
    others = [svg for svg in page.find("svg") if svg.get("role") != "img"]
    assert all("viewbox" in svg or svg.get("aria-hidden") == "true" for svg in others)
    assert page.text.count("Numbers of this plot") == 4


def test_tables_have_captions_headings_and_scroll_by_keyboard() -> None:
    page = make_page()
    assert len(page.find("table")) == len(page.find("caption")) >= 8
    assert {cell["scope"] for cell in page.find("th")} == {"col", "row"}
    regions = [each for each in page.find("div") if each.get("role") == "region"]
    assert len(regions) == len(page.find("table"))
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in regions)
    assert all(text.strip() for name, text in page.texts if name == "th")


def test_a_page_of_nothing_says_so() -> None:
    result = make_result(make_undefined_comparison(), means={"control": None, "treatment": None}, users=0)
    census = make_census({"control": 0, "treatment": 0}, first_anchor=None, last_anchor=None)
    users = [each._replace(by_day={}) for each in census.users]
    analysis = make_analysis(result, checks=[], census=replace(census, users=users))
    page = Page(write_page(analysis, []))
    assert "Nobody has come in yet." in page.text
    assert "Too few users." in page.text
    assert not re.search(r"\b(None|nan|inf)\b", page.text)
    assert "No metrics" in Page(write_page(make_analysis(metrics=()), [])).text


def test_both_colour_schemes_are_there_and_the_page_is_small() -> None:
    analysis = make_full_analysis()
    text = write_page(analysis, make_plots(analysis))
    assert "prefers-color-scheme:dark" in text
    assert len(text.encode()) < MAX_BYTES


def test_text_and_attributes_are_escaped_where_they_are_made() -> None:
    assert tag("p", "<b>", title='"&') == '<p title="&quot;&amp;">&lt;b&gt;</p>'
    assert tag("p", tag("b", "x"), None, class_=None) == "<p><b>x</b></p>"
    assert join(["<", Markup("<br>")]) == "&lt;<br>"
    with pytest.raises(ValueError, match="end tag"):
        make_style("</style><script>")


@pytest.mark.parametrize(
    ("lower", "upper", "ticks"),
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (-0.17, 0.17, [-0.1, 0, 0.1]),
        (0, 757, [0, 200, 400, 600]),
    ],
)
def test_ticks_are_round_numbers(lower: float, upper: float, ticks: list[float]) -> None:
    assert list_ticks(Range(lower, upper)) == pytest.approx(ticks)


def test_bars_without_users_are_not_drawn() -> None:
    assert draw_bars("x", [0.5, 0.0, 0.5], 0.5, ["0", "9"], "v0").count("<rect") == 2
