"""Numbers as a reader sees them. None is a dash: nothing can be said."""

from math import isfinite

from realtime.analysis.model import Interval

DASH = "–"
MINUS = "−"


def format_share(value: float | None, *, is_signed: bool = False) -> str:
    """``0.0475`` is ``4.75%``; it has no blank, at which a terminal would break it."""
    if value is None or not isfinite(value):
        return DASH
    percent = 100 * value
    size = abs(percent)
    if size >= 1e6:
        text = f"{size:.1e}"
    elif size >= 1000:
        text = f"{size:,.0f}"
    else:
        text = f"{size:.2f}" if size < 10 else f"{size:.1f}"
    is_zero = float(text.replace(",", "")) == 0
    sign = "" if is_zero else MINUS if percent < 0 else "+" if is_signed else ""
    return f"{sign}{text}%"


def format_number(value: float | None, *, is_signed: bool = False) -> str:
    """At least four digits that count, and never more than twelve characters."""
    if value is None or not isfinite(value):
        return DASH
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-4:
        text = f"{size:.3e}"
    elif size >= 10_000:
        text = f"{size:,.0f}"
    elif size >= 10:
        text = f"{size:,.2f}"
    else:
        text = f"{size:.4f}"
    sign = "" if value == 0 else MINUS if value < 0 else "+" if is_signed else ""
    return sign + text


def format_p(value: float | None) -> str:
    if value is None:
        return DASH
    return "<0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.1 else f"{value:.3f}"


def format_interval(interval: Interval | None, *, is_lift: bool) -> str:
    """``−1.20% to +3.40%``; an open end is ``−∞`` or ``+∞``."""
    if interval is None:
        return DASH
    form = format_share if is_lift else format_number
    lower = f"{MINUS}∞" if interval.lower is None else form(interval.lower, is_signed=True)
    upper = "+∞" if interval.upper is None else form(interval.upper, is_signed=True)
    return f"{lower} to {upper}"
