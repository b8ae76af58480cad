"""Values of an attribute to try on a condition: at its operand, and closely around it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.targeting.document import Condition
from chalicelib.domain.targeting.geo import UNITS_PER_KM, read_point
from chalicelib.domain.targeting.values import ERRORS, looks_numeric, parse_date_time

KM_PER_DEGREE = 111.2
_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_SHAPES = {r"\d": "0", r"\w": "a", r"\s": " ", ".": "a"}


def list_values(condition: Condition) -> list[Any]:
    """Some satisfy the condition and some do not; the caller tries them."""
    list_near = _NEAR.get(condition.operator, lambda operand, _: [operand])
    values: list[Any] = []
    with suppress(*ERRORS, AttributeError):  # an operand that the operator cannot use
        values += list_near(condition.value, condition.additional_value)
    return [*values, *list_others(condition.value)]


def list_others(operand: Any) -> list[Any]:
    """Values of the operand's type that are not the operand."""
    if isinstance(operand, bool):
        return [not operand]
    if isinstance(operand, (int, float)):
        return [operand + 1]
    return [f"{operand}-", "other"] if isinstance(operand, str) else ["other"]


def _list_elements(operand: Any, _: Any) -> list[Any]:
    return [*operand]


def list_parts(operand: Any, _: Any = None) -> list[Any]:
    return [operand, operand[:-1], *([item] for item in operand[:20])]


def list_texts(operand: Any, _: Any = None) -> list[Any]:
    return [operand, [operand], f"{operand}x", f"x{operand}"]


def _list_around_both(low: Any, high: Any) -> list[Any]:
    list_around = list_around_number if looks_numeric(low) else list_around_time
    return [*list_around(low), *list_around(high)]


def list_matches(pattern: str, _: Any = None) -> list[Any]:
    """Good enough for plain patterns: each alternative without its metacharacters."""
    shape = re.sub(r"\\[dws]|\.", lambda match: _SHAPES[match[0]], pattern)
    return [re.sub(r"\\[bBAZ]|[\\^$*+?(){}\[\]]", "", part) for part in shape.split("|")]


def list_around_version(version: str, _: Any = None) -> list[Any]:
    major, minor, patch = map(int, [*re.findall(r"\d+", version), "0", "0"][:3])
    before = f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{max(0, minor - 1)}.0"
    return [version, f"{major}.{minor}.{patch + 1}", f"{major + 1}.0.0", before, "0.0.0"]


def _list_nested(path: str, wanted: Any) -> list[Any]:
    value = wanted
    for step in reversed(path[2:].split(".")):
        value = {step: value}
    return [value]


def _list_lists(operand: Any, _: Any) -> list[Any]:
    bounds = list(operand.values()) if isinstance(operand, dict) else [operand]
    lengths = {int(bound) + step for bound in bounds for step in (-1, 0, 1)}
    return [["x"] * length for length in sorted(lengths) if 0 <= length <= 1000]


def list_around_number(operand: Any, _: Any = None) -> list[Any]:
    number = float(operand)
    exact = operand if isinstance(operand, int) else int(number) if number.is_integer() else number
    return [exact, exact + 1, exact - 1]


def list_around_time(operand: Any, _: Any = None) -> list[Any]:
    if not isinstance(operand, str):
        return [operand, *(operand + step for step in (1, -1, 86_400, -86_400))]
    time = parse_date_time(operand)
    steps = [timedelta(seconds=1), timedelta(seconds=-1), timedelta(days=1), timedelta(days=-1)]
    return [operand, *((time + step).isoformat() for step in steps)]


def _list_window_times(window: Any, _: Any) -> Iterator[Any]:
    for name in ("start", "end"):
        if name in window:
            yield from list_around_time(window[name])
    first_day = parse_date_time(window["start_date"]) if "start_date" in window else _MONDAY
    hours = ((first_day.replace(tzinfo=UTC) + timedelta(hours=hour)) for hour in range(7 * 24))
    yield from (hour.isoformat() for hour in hours)


def _list_points(operand: Any, additional: Any) -> Iterator[Any]:
    """The centre, a point on each side of the circle, and the other end of the earth."""
    lat, lon = read_point(operand)
    radius, per_km = additional, 1.0
    if isinstance(operand, dict):
        radius, per_km = operand["radius"], UNITS_PER_KM[str(operand.get("unit", "km")).lower()]
    degrees = float(radius) / per_km / KM_PER_DEGREE
    toward_equator = -1 if lat > 0 else 1
    for factor in (0, 0.99, 1.01):
        yield [lat + toward_equator * degrees * factor, lon]
    yield [-lat, lon - 180 if lon > 0 else lon + 180]


_NEAR: Mapping[str, Callable[[Any, Any], Iterable[Any]]] = {
    **dict.fromkeys(("in", "not_in"), _list_elements),
    **dict.fromkeys(("contains_any", "contains_all"), list_parts),
    **dict.fromkeys(("contains", "not_contains", "starts_with", "ends_with"), list_texts),
    **dict.fromkeys(("gt", "gte", "lt", "lte"), list_around_number),
    **dict.fromkeys(("before", "after"), list_around_time),
    "between": _list_around_both,
    "match_regex": list_matches,
    "semantic_version": list_around_version,
    "geo_distance": _list_points,
    "time_window": _list_window_times,
    "json_path": _list_nested,
    "array_length": _list_lists,
}
"""By operator, a function of ``value`` and ``additional_value``."""
