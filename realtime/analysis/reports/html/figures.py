"""Each plot with what it says in words, and the table behind it."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from realtime.analysis.model import Analysis, Bin, DaySum, Design, MetricResult
from realtime.analysis.numbers import format_interval, format_number, format_share
from realtime.analysis.reports.axis import list_thresholds
from realtime.analysis.reports.html.charts import Band, Line, Range, draw_bars, draw_lines, list_ticks
from realtime.analysis.reports.html.elements import Markup, join, tag
from realtime.analysis.reports.html.tables import draw_table, fold_table
from realtime.analysis.reports.plots import Curve, MetricPlots, find_range, format_day, list_days
from realtime.analysis.reports.words import name_metric

STYLES = 4


def draw_plots(plots: MetricPlots, design: Design) -> list[Markup]:
    return [
        *(_draw_curve(plots.result, curve, design) for curve in plots.curves),
        *_draw_distribution(plots.result, plots.bins),
        *_draw_days(plots.result, plots.days),
    ]


def draw_users_by_day(analysis: Analysis) -> Markup:
    title = "Users by day (UTC) of their start"
    days = list_days(analysis)
    if not days:
        return tag("p", "Nobody has come in yet.")
    counts = {
        users.variant: [float(users.by_day.get(day, 0)) for day in days] for users in analysis.census.users
    }
    parts = _draw_by_variant(title, "", days, counts, format_count)
    return tag("section", tag("h3", title), *parts, class_="card")


def format_count(value: float) -> str:
    return f"{value:,.0f}"


def _draw_curve(result: MetricResult, curve: Curve, design: Design) -> Markup:
    kind = "Lift" if curve.is_lift else "Difference"
    title = f"{kind} of {name_metric(result)} until each day: {curve.treatment}"
    if not curve.steps:
        return join([tag("h4", title), tag("p", "Nothing to draw yet.")])
    reach = find_range(curve, list_thresholds(result) if curve.is_lift else [])
    limits = Range(-reach, reach)
    form = format_share if curve.is_lift else format_number
    days = [format_day(step.until) for step in curve.steps]
    ends = [step.interval for step in curve.steps]
    picture = draw_lines(
        f"{title}. {_describe_last(curve)}",
        limits,
        [(tick, form(tick, is_signed=True)) for tick in list_ticks(limits)],
        days,
        [Line([step.effect for step in curve.steps], "v1")],
        Band([_or(end.lower, -reach) for end in ends], [_or(end.upper, reach) for end in ends]),
        list_thresholds(result) if curve.is_lift else [],
    )
    band = "valid at any time" if design.is_sequential else "valid for one look only"
    rows = [
        [day, form(step.effect, is_signed=True), format_interval(step.interval, is_lift=curve.is_lift)]
        for day, step in zip(days, curve.steps, strict=True)
    ]
    return join(
        [
            tag("h4", title),
            tag(
                "figure",
                picture,
                tag("figcaption", f"The area is the interval, {band}. {_describe_last(curve)}"),
            ),
            fold_table("Numbers of this plot", draw_table(title, ["until", "effect", "interval"], rows)),
        ]
    )


def _describe_last(curve: Curve) -> str:
    interval = format_interval(curve.steps[-1].interval, is_lift=curve.is_lift)
    return f"At the end it is from {interval}."


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _draw_distribution(result: MetricResult, bins: Sequence[Bin]) -> Iterator[Markup]:
    variants = list(dict.fromkeys(each.variant for each in bins))
    edges = sorted({(each.lower, each.upper) for each in bins})
    if not edges:
        return
    users = {(each.variant, each.lower): each.users for each in bins}
    totals = {key: sum(each.users for each in bins if each.variant == key) or 1 for key in variants}
    shares = {key: [users.get((key, lower), 0) / totals[key] for lower, _ in edges] for key in variants}
    most = max(max(each) for each in shares.values()) or 1.0
    title = f"{name_metric(result)} of a user: how it is spread"
    yield tag("h4", title)
    for number, key in enumerate(variants):
        label = f"{key}: {format_share(shares[key][0])} of the users are in the first bar"
        places = [format_number(edges[0][0]), format_number(edges[-1][1])]
        bars = draw_bars(label, shares[key], most, places, f"v{number % STYLES}")
        yield tag("figure", tag("figcaption", f"{label}; heights are square roots."), bars)
    rows = [
        [
            f"{format_number(lower)} to {format_number(upper)}",
            *(f"{users.get((key, lower), 0):,}" for key in variants),
        ]
        for lower, upper in edges
    ]
    yield fold_table("Numbers of this plot", draw_table(title, ["a user's value", *variants], rows))


def _draw_days(result: MetricResult, days: Sequence[DaySum]) -> list[Markup]:
    """Per user and day since the start: an effect that fades may be one of novelty."""
    variants = list(dict.fromkeys(each.variant for each in days))
    numbers = sorted({each.day for each in days})
    if not numbers:
        return []
    means = {(each.variant, each.day): float(each.total) / each.users for each in days if each.users}
    numbers = [day for day in numbers if all((key, day) in means for key in variants)]
    if not numbers:
        return []
    title = f"{name_metric(result)} a user, by days since the start"
    note = "An effect that fades may be one of novelty. No verdict comes from this plot."
    curves = {key: [means[key, day] for day in numbers] for key in variants}
    return [
        tag("h4", title),
        *_draw_by_variant(title, note, [f"day {day + 1}" for day in numbers], curves, format_number),
    ]


def _draw_by_variant(
    title: str,
    note: str,
    places: Sequence[str],
    curves: Mapping[str, Sequence[float]],
    form: Callable[[float], str],
) -> list[Markup]:
    values = [value for curve in curves.values() for value in curve]
    lowest, highest = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
    limits = Range(lowest, highest if highest > lowest else lowest + 1)
    ticks = [(tick, form(tick)) for tick in list_ticks(limits)]
    lines = [Line(curve, f"v{number % STYLES}") for number, curve in enumerate(curves.values())]
    keys = [_draw_key(key, number) for number, key in enumerate(curves)]
    rows = [
        [place, *(form(curve[number]) for curve in curves.values())] for number, place in enumerate(places)
    ]
    return [
        tag(
            "figure",
            draw_lines(f"{title}, a line for each variant", limits, ticks, places, lines),
            tag("figcaption", *keys, note),
        ),
        fold_table("Numbers of this plot", draw_table(title, ["day", *curves], rows)),
    ]


def _draw_key(name: str, number: int) -> Markup:
    line = tag("line", class_=f"line v{number % STYLES}", x1=2, x2=34, y1=7, y2=7)
    picture = tag("svg", line, width=36, height=14, aria_hidden="true")
    return tag("span", picture, name, class_="key")
