"""A card for each metric: the answer, its interval, and the numbers behind it."""

from collections.abc import Iterator, Sequence
from typing import Final

from realtime.analysis.model import Analysis, Comparison, Decision, Design, MetricResult
from realtime.analysis.numbers import format_number, format_p, format_share
from realtime.analysis.reports.axis import find_axis, list_marks, list_thresholds
from realtime.analysis.reports.html.charts import draw_interval
from realtime.analysis.reports.html.elements import Markup, join, tag
from realtime.analysis.reports.html.tables import draw_table, fold_table
from realtime.analysis.reports.words import (
    EXPLORATION,
    describe_confidence,
    describe_decision,
    describe_effect,
    describe_fixed,
    describe_interval,
    describe_setting,
    get_lift_interval,
    list_notes,
    name_metric,
)

STYLES: Final[dict[Decision, str]] = {
    "better": "good",
    "worse": "bad",
    "no_difference_that_matters": "dim",
    "undecided": "warn",
    "holds": "good",
    "fails": "bad",
}


def draw_card(result: MetricResult, design: Design, plots: Sequence[Markup]) -> Markup:
    comparisons = [
        part for comparison in result.comparisons for part in _draw_comparison(result, comparison, design)
    ]
    notes = [tag("li", note) for note in list_notes(result)]
    return tag(
        "section",
        tag("h3", name_metric(result)),
        tag("p", describe_setting(result), class_="dim"),
        *(comparisons or [tag("p", "Nothing to compare.")]),
        tag("ul", *notes) if notes else None,
        fold_table(f"{name_metric(result)}: each variant", _draw_variants(result)),
        *plots,
        class_="card",
    )


def _draw_comparison(result: MetricResult, comparison: Comparison, design: Design) -> Iterator[Markup]:
    control, treatment = (
        format_number(mean.mean if mean else None)
        for mean in (result.variants.get(key) for key in (design.control, comparison.treatment))
    )
    facts = {
        "lift of the mean": describe_effect(comparison),
        f"{describe_confidence(comparison)} interval": describe_interval(comparison),
        "p": format_p(comparison.current.p_value if comparison.current else None),
        f"mean, {design.control}": control,
        f"mean, {comparison.treatment}": treatment,
    }
    words = describe_decision(result, comparison)
    yield tag(
        "h4",
        f"{comparison.treatment}: ",
        tag("span", words, class_=STYLES[comparison.decision]),
    )
    yield _draw_interval(result, comparison)
    yield tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items()))
    fixed = describe_fixed(comparison)
    if fixed is not None:
        yield tag("p", fixed, class_="dim")


def _draw_interval(result: MetricResult, comparison: Comparison) -> Markup:
    limit = find_axis(list_marks([result])).limit
    interval, thresholds = get_lift_interval(comparison), list_thresholds(result)
    ends = [] if interval is None else [
        -2 * limit if interval.lower is None else interval.lower,
        2 * limit if interval.upper is None else interval.upper,
    ]  # fmt: skip
    label = f"Lift {describe_effect(comparison)}, interval {describe_interval(comparison)}"
    scale = f"From −{format_share(limit)} to +{format_share(limit)}; the line in the middle is no effect."
    dotted = " Dotted: the smallest effect that matters, or the margin." if thresholds else ""
    picture = draw_interval(label, limit, ends, comparison.lift, thresholds)
    return tag("figure", picture, tag("figcaption", scale + dotted))


def _draw_variants(result: MetricResult) -> Markup:
    rows = [
        [
            key,
            f"{mean.users:,}",
            f"{mean.converted:,}",
            format_share(mean.converted / mean.users if mean.users else None),
            format_number(mean.raw_mean),
            format_number(mean.mean),
            format_number(mean.total),
        ]
        for key, mean in result.variants.items()
    ]
    header = ["variant", "users", "converted", "share", "per user", "compared", "in all"]
    return draw_table(f"{name_metric(result)}, each variant", header, rows)


def draw_segments(analysis: Analysis) -> list[Markup]:
    if analysis.by is None:
        return []
    rows = [
        [
            result.segment or "",
            name_metric(result),
            comparison.treatment,
            f"{sum(mean.users for mean in result.variants.values()):,}",
            describe_effect(comparison),
            describe_interval(comparison),
        ]
        for result in analysis.segments
        for comparison in result.comparisons
    ]
    header = [analysis.by, "metric", "variant", "users", "lift", "interval"]
    table = draw_table(f"Segments by {analysis.by}", header, rows)
    return [
        tag("h2", f"By {analysis.by}"),
        tag("p", EXPLORATION),
        join([table if rows else tag("p", "None.")]),
    ]
