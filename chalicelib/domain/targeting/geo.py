"""Distances between coordinates on a sphere."""

from collections.abc import Callable
from math import asin, cos, radians, sin, sqrt
from typing import Any

from chalicelib.domain.targeting.document import Unusable

EARTH_RADIUS_KM = 6371.0

Point = tuple[float, float]

PER_KM = {
    **dict.fromkeys(("km", "kilometers", "kilometre", "kilometres"), 1.0),
    **dict.fromkeys(("miles", "mi"), 0.621371),
    **dict.fromkeys(("meters", "metres", "m"), 1000.0),
}
_SPELLINGS = (("lat", "lon"), ("latitude", "longitude"), ("lat", "longitude"), ("latitude", "lon"))


def point(value: Any, number: Callable[[Any], float] = float) -> Point:
    """Degrees, from ``[lat, lon]`` or an object; Unusable for any other shape and outside [±90, ±180]."""
    try:
        lat, lon = map(number, _pair(value))
    except (TypeError, ValueError, OverflowError):
        raise Unusable("must be [latitude, longitude], or an object with `lat` and `lon`") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise Unusable("must have a latitude within ±90 and a longitude within ±180")
    return lat, lon


def _pair(value: Any) -> tuple[Any, Any]:
    if isinstance(value, dict):
        for lat, lon in _SPELLINGS:
            if lat in value and lon in value:
                return value[lat], value[lon]
    if isinstance(value, list) and len(value) == 2:
        return value[0], value[1]
    raise Unusable("must be [latitude, longitude], or an object with `lat` and `lon`")


def distance_km(a: Point, b: Point) -> float:
    """Haversine; rounding can push opposite points just past 1, where the arc sine ends."""
    lat_a, lon_a, lat_b, lon_b = map(radians, (*a, *b))
    h = sin((lat_b - lat_a) / 2) ** 2 + cos(lat_a) * cos(lat_b) * sin((lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, h)))
