"""``geo_distance``: distances between coordinates on a sphere, and the operator in both versions."""

from collections.abc import Callable
from math import asin, cos, radians, sin, sqrt
from typing import Any

from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import (
    COMPARISONS,
    Test,
    read_number_v1,
    read_number_v2,
)

EARTH_RADIUS_KM = 6371.0

Point = tuple[float, float]

UNITS_PER_KM = {
    **dict.fromkeys(("km", "kilometers", "kilometre", "kilometres"), 1.0),
    **dict.fromkeys(("miles", "mi"), 0.621371),
    **dict.fromkeys(("meters", "metres", "m"), 1000.0),
}
_COORDINATE_NAMES = (("lat", "lon"), ("latitude", "longitude"), ("lat", "longitude"), ("latitude", "lon"))
_COMPARISONS = COMPARISONS | {"eq": lambda distance, radius: abs(distance - radius) < 0.01}


def build_geo_distance_v1(condition: Condition, read_number: Callable[[Any], float] = read_number_v1) -> Test:
    """Within ``radius`` of the object ``value``; a list, all that the 1.0 schema accepts, never matches."""
    value = condition.value
    if not isinstance(value, dict) or "radius" not in value:
        raise InvalidOperand(
            "must be an object with lat, lon and radius: version 1.0 never matches a list here"
        )
    centre, radius = read_point(value, read_number), read_number(value["radius"])
    unit, comparison = value.get("unit", "km"), value.get("comparison")
    per_km = UNITS_PER_KM.get(unit.lower()) if isinstance(unit, str) else None
    if per_km is None or not radius >= 0:
        raise InvalidOperand("must have a radius of at least 0, and km, miles or meters for unit")
    compare = _COMPARISONS.get("lte" if comparison is None else comparison)
    if compare is None:
        raise InvalidOperand("must have lte, lt, gt, gte or eq for comparison")
    return lambda place, _now: compare(
        compute_distance_km(read_point(place, read_number), centre) * per_km, radius
    )


def build_geo_distance_v2(condition: Condition) -> Test:
    """``[lat, lon]`` with kilometres in ``additional_value``, or an object with ``radius``."""
    if isinstance(condition.value, dict):
        return build_geo_distance_v1(condition, read_number_v2)
    centre = read_point(condition.value, read_number_v2)
    try:
        radius = read_number_v2(condition.additional_value)
    except InvalidOperand as error:
        raise InvalidOperand(f"needs kilometres in `additional_value`, which {error}") from None
    if radius < 0:
        raise InvalidOperand("needs kilometres of at least 0 in `additional_value`")
    return lambda place, _now: compute_distance_km(read_point(place, read_number_v2), centre) <= radius


def read_point(value: Any, read_number: Callable[[Any], float] = float) -> Point:
    """Degrees, from ``[lat, lon]`` or an object. Raises InvalidOperand for other shapes and other degrees."""
    try:
        lat, lon = map(read_number, _read_pair(value))
    except (TypeError, ValueError, OverflowError):
        raise InvalidOperand("must be [latitude, longitude], or an object with `lat` and `lon`") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise InvalidOperand("must have a latitude within ±90 and a longitude within ±180")
    return lat, lon


def _read_pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, dict):
        for lat, lon in _COORDINATE_NAMES:
            if lat in value and lon in value:
                return value[lat], value[lon]
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    raise InvalidOperand("must be [latitude, longitude], or an object with `lat` and `lon`")


def compute_distance_km(a: Point, b: Point) -> float:
    """Haversine. Rounding can give opposite points a little more than 1, where the arc sine ends."""
    lat_a, lon_a, lat_b, lon_b = map(radians, (*a, *b))
    h = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, h)))
