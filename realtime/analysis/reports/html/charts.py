"""Charts as inline SVG.

Places across are in percent, so that a chart fills its width at every screen and its text keeps its size.
Lines and areas are in an inner picture that is stretched; its strokes are not.
"""

from collections.abc import Sequence
from math import floor, log10, sqrt
from typing import Final, NamedTuple

from realtime.analysis.reports.html.elements import Markup, join, tag

HEIGHT, TOP, BOTTOM = 220, 18, 26
ACROSS: Final = 1000.0
"""Width of the inner picture."""


class Line(NamedTuple):
    """``values`` are one for each place across, ``style`` a class of the style sheet."""

    values: Sequence[float]
    style: str


class Band(NamedTuple):
    lower: Sequence[float]
    upper: Sequence[float]


class Range(NamedTuple):
    lower: float
    upper: float

    def find_height(self, value: float, height: float) -> float:
        """0 is the top."""
        share = (min(self.upper, max(self.lower, value)) - self.lower) / (self.upper - self.lower)
        return height * (1 - share)


def list_ticks(limits: Range, count: int = 6) -> list[float]:
    """Round values within the limits."""
    rough = (limits.upper - limits.lower) / count
    power = 10.0 ** floor(log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * 0.999)
    first = -floor(-limits.lower / step + 1e-9)
    ticks: list[float] = []
    while (first + len(ticks)) * step <= limits.upper * (1 + 1e-9):
        ticks.append((first + len(ticks)) * step)
    return ticks


def draw_lines(
    label: str,
    limits: Range,
    tick_texts: Sequence[tuple[float, str]],
    places: Sequence[str],
    lines: Sequence[Line],
    band: Band | None = None,
    thresholds: Sequence[float] = (),
) -> Markup:
    """``places`` are the texts below, of which the first, the middle and the last are written."""
    height = HEIGHT - TOP - BOTTOM
    shapes = [
        None if band is None else _draw_band(band, limits, height),
        *(_draw_line(line, limits, height) for line in lines),
    ]
    inner = tag(
        "svg", *shapes, x=0, y=TOP, width="100%", height=height, viewbox=f"0 0 {ACROSS:g} {height}",
        preserve="none",
    )  # fmt: skip
    return _draw_frame(
        label,
        HEIGHT,
        [
            *(_draw_level(value, limits, height) for value, _ in tick_texts),
            *(_draw_threshold(value, limits, height) for value in thresholds),
            inner,
            *(_write_level(value, text, limits, height) for value, text in tick_texts),
            *_draw_places(places, HEIGHT - 6),
        ],
    )


def draw_bars(label: str, shares: Sequence[float], most: float, places: Sequence[str], style: str) -> Markup:
    """Heights are square roots, so that rare values can be seen beside common ones."""
    full, height = 110, 80
    width = 100 / max(1, len(shares))
    bars = [
        tag(
            "rect",
            class_=style,
            x=f"{number * width + width * 0.08:.2f}%",
            width=f"{width * 0.84:.2f}%",
            y=full - BOTTOM - height * sqrt(share / most),
            height=height * sqrt(share / most),
        )
        for number, share in enumerate(shares)
        if share > 0
    ]
    base = tag("line", class_="grid", x1="0", x2="100%", y1=full - BOTTOM, y2=full - BOTTOM)
    return _draw_frame(label, full, [base, *bars, *_draw_places(places, full - 8)])


def draw_interval(
    label: str, limit: float, ends: Sequence[float], effect: float | None, marks: Sequence[float]
) -> Markup:
    """On an axis from −limit to +limit. ``ends`` has two numbers, or none."""

    def find_place(value: float) -> str:
        return f"{2 + 96 * (min(limit, max(-limit, value)) + limit) / (2 * limit):.2f}%"

    middle = 20
    parts = [
        tag("line", class_="grid", x1="2%", x2="98%", y1=middle, y2=middle),
        tag("line", class_="zero", x1="50%", x2="50%", y1=4, y2=36),
        *(tag("line", class_="threshold", x1=find_place(m), x2=find_place(m), y1=6, y2=34) for m in marks),
    ]
    if ends:
        lower, upper = map(find_place, ends)
        parts.append(tag("line", class_="interval", x1=lower, x2=upper, y1=middle, y2=middle))
        for end, place in zip(ends, (lower, upper), strict=True):
            if abs(end) <= limit:
                parts.append(tag("line", class_="interval", x1=place, x2=place, y1=middle - 6, y2=middle + 6))
    if effect is not None and abs(effect) <= limit:
        parts.append(tag("circle", class_="effect", cx=find_place(effect), cy=middle, r=6))
    return _draw_frame(label, 40, parts)


def _draw_frame(label: str, height: int, parts: Sequence[Markup]) -> Markup:
    return tag("svg", join(parts), role="img", aria_label=label, width="100%", height=height)


def _draw_level(value: float, limits: Range, height: float) -> Markup:
    y = TOP + limits.find_height(value, height)
    return tag("line", class_="zero" if value == 0 else "grid", x1="0", x2="100%", y1=y, y2=y)


def _write_level(value: float, text: str, limits: Range, height: float) -> Markup:
    """Above its line, after all lines: its outline keeps it readable on them."""
    return tag("text", text, x="0", y=TOP + limits.find_height(value, height) - 4)


def _draw_threshold(value: float, limits: Range, height: float) -> Markup:
    y = TOP + limits.find_height(value, height)
    return tag("line", class_="threshold", x1="0", x2="100%", y1=y, y2=y)


def _draw_places(places: Sequence[str], y: float) -> list[Markup]:
    last = len(places) - 1
    if last < 0:
        return []
    chosen = {0: "start", last: "end"} if last else {0: "middle"}
    if last >= 4 and last % 2 == 0:
        chosen = {0: "start", last // 2: "middle", last: "end"}
    return [
        tag("text", places[number], x=f"{100 * number / last if last else 50:g}%", y=y, text_anchor=anchor)
        for number, anchor in chosen.items()
    ]


def _find_points(values: Sequence[float], limits: Range, height: float) -> list[str]:
    last = max(1, len(values) - 1)
    start = ACROSS / 2 if len(values) == 1 else 0
    return [
        f"{start + ACROSS * number / last:.1f},{limits.find_height(value, height):.1f}"
        for number, value in enumerate(values)
    ]


def _draw_line(line: Line, limits: Range, height: float) -> Markup:
    points = _find_points(line.values, limits, height)
    return tag(
        "polyline", class_=f"line {line.style}", points=" ".join(points * 2 if len(points) == 1 else points)
    )


def _draw_band(band: Band, limits: Range, height: float) -> Markup:
    upper, lower = (_find_points(values, limits, height) for values in (band.upper, band.lower))
    return tag("polygon", class_="band", points=" ".join([*upper, *reversed(lower)]))
