"""The answer as one page that needs nothing else: no network, no script, no font of others."""

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from chalicelib.domain.timestamps import format_timestamp
from realtime.analysis.model import Analysis, Check, CheckStatus, VerdictCode
from realtime.analysis.reports.html.cards import draw_card, draw_segments
from realtime.analysis.reports.html.elements import Markup, join, make_style, tag
from realtime.analysis.reports.html.figures import draw_plots, draw_users_by_day
from realtime.analysis.reports.plots import MetricPlots
from realtime.analysis.reports.words import (
    STATUSES,
    describe_anchor,
    describe_dates,
    describe_intervals,
    describe_progress,
    describe_verdict,
    name_check,
    split_verdict,
)

VERDICT_STYLES: Final[dict[VerdictCode, str]] = {
    "stop_data_problem": "bad",
    "keep_running": "warn",
    "ship": "good",
    "do_not_ship": "bad",
    "no_difference_that_matters": "dim",
}
STATUS_STYLES: Final[dict[CheckStatus, str]] = {
    "ok": "good",
    "note": "dim",
    "warning": "warn",
    "alarm": "bad",
}


def write_page(analysis: Analysis, plots: Sequence[MetricPlots]) -> str:
    design = analysis.design
    css = _read_style()
    title = f"{design.experiment_key}: {describe_verdict(analysis.verdict)}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_write_policy(css)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        make_style(css),
    )
    body = tag("body", tag("main", *_draw_sections(analysis, plots)), _draw_footer(analysis))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


@cache
def _read_style() -> str:
    return Path(__file__).with_name("page.css").read_text()


def _write_policy(css: str) -> str:
    """Only this page's own style sheet; nothing is loaded, run or sent."""
    digest = b64encode(sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _draw_sections(analysis: Analysis, plots: Sequence[MetricPlots]) -> list[Markup]:
    by_key = {each.result.metric.key: each for each in plots}
    cards = [
        draw_card(result, analysis.design, draw_plots(by_key[result.metric.key], analysis.design))
        if result.metric.key in by_key
        else draw_card(result, analysis.design, [])
        for result in analysis.metrics
    ]
    return [
        _draw_verdict(analysis),
        _draw_header(analysis),
        _draw_checks(analysis.checks),
        tag("h2", "Metrics"),
        tag("p", describe_intervals(analysis.metrics, analysis.design), class_="dim"),
        *(cards or [tag("p", "No metrics: name some in the experiment's analysis, or give --metrics FILE.")]),
        *draw_segments(analysis),
        tag("h2", "Users"),
        draw_users_by_day(analysis),
    ]


def _draw_verdict(analysis: Analysis) -> Markup:
    verdict = analysis.verdict
    headline, rest = split_verdict(verdict)
    reasons = [tag("li", reason) for reason in verdict.reasons]
    return tag(
        "section",
        tag("p", f"{analysis.design.experiment_key}", class_="dim"),
        tag("h1", headline),
        tag("p", rest) if rest else None,
        tag("ul", *reasons) if reasons else None,
        class_=f"verdict {VERDICT_STYLES[verdict.code]}",
    )


def _draw_header(analysis: Analysis) -> Markup:
    design, census = analysis.design, analysis.census
    variants = ", ".join(f"{users.variant} {users.users:,}" for users in census.users)
    count = sum(users.users for users in census.users)
    start = describe_anchor(design)
    return join(
        [
            tag("p", f"{count:,} users ({describe_dates(analysis)}, UTC), {start}: {variants or 'none'}."),
            tag("p", describe_progress(analysis)),
        ]
    )


def _draw_checks(checks: Sequence[Check]) -> Markup:
    items = [
        tag(
            "li",
            tag("strong", STATUSES[check.status], class_=STATUS_STYLES[check.status]),
            f" {name_check(check.code)}: {check.message}",
        )
        for check in checks
    ]
    return join([tag("h2", "Checks"), tag("ul", *items) if items else tag("p", "No check could be made.")])


def _draw_footer(analysis: Analysis) -> Markup:
    design = analysis.design
    text = (
        f"Iteration {design.iteration}, version {design.version}, as of "
        f"{format_timestamp(analysis.as_of, 'seconds')}, read by {analysis.engine}."
    )
    return tag("footer", tag("p", text, class_="dim"))
