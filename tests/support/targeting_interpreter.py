"""A second rules engine: slow and obvious, written from the specification, without code of the first.

It evaluates raw JSON documents without compiling or caching. Any error in a condition means "false".
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import mmh3

Json = Any


def match(
    document: Mapping[str, Json], context: Mapping[str, Json], now: float, salt: str = ""
) -> str | None:
    """The id of the rule that decides."""
    rule = find_rule(document, context, now, salt, context.get("user_id"))
    return rule and str(rule["id"])


def find_rule(
    document: Mapping[str, Json], context: Mapping[str, Json], now: float, salt: str, unit: Json
) -> Json:
    """The rule that decides, as it is written; None if there is none."""
    is_v2 = document.get("version") == "2.0"
    rules = sorted(document.get("rules", []), key=lambda rule: int(rule.get("priority", 0)))
    default = document.get("default_rule")
    if is_v2 and default:
        rules, default = [*rules, default], None
    for rule in rules:
        prefix = f"rule/{salt}/{rule['id']}:"
        if group(rule["rule"], context, now, is_v2, prefix) and included(rule, context, is_v2, prefix, unit):
            return rule
    return default


def group(raw: Json, context: Json, now: float, is_v2: bool, prefix: str) -> bool:
    results = [condition(c, context, now, is_v2, prefix) for c in raw.get("conditions", [])]
    results += [group(g, context, now, is_v2, prefix) for g in raw.get("groups") or []]
    if not results:
        return True
    operator = raw.get("operator", "and")
    if operator == "not":
        return not any(results) if is_v2 else not all(results)
    return all(results) if operator == "and" else any(results)


def included(rule: Json, context: Json, is_v2: bool, prefix: str, unit: Json) -> bool:
    percentage = int(rule.get("rollout_percentage", 100))
    if percentage in (0, 100):
        return percentage == 100
    try:
        if is_v2:
            return murmur_bucket(prefix, unit, half=0) < percentage * 1000
        return md5_bucket(f"{identity(context)}:{rule['id']}") < percentage
    except (UnicodeEncodeError, TypeError):
        return False


def murmur_bucket(prefix: str, unit: Json, half: int) -> int:
    if type(unit) not in (str, int) or unit == "":
        raise TypeError(unit)
    halves = mmh3.hash64(f"{prefix}{unit}".encode(), signed=False)
    return int(halves[half]) * 100_000 // 2**64


def md5_bucket(text: str) -> int:
    return int(hashlib.md5(text.encode()).hexdigest(), 16) % 100  # noqa: S324 - the backend's choice


def identity(context: Json) -> str:
    for name in ("user_id", "id", "email", "username", "device_id", "client_id", "session_id"):
        if context.get(name):
            return str(context[name])
    return hashlib.md5(str(sorted(context.items())).encode()).hexdigest()  # noqa: S324 - the backend's choice


def condition(raw: Json, context: Json, now: float, is_v2: bool, prefix: str) -> bool:
    is_present, a = look_up(context, raw["attribute"], is_v2)
    if not is_present:
        return False
    evaluate = operator_v2 if is_v2 else operator_v1
    try:
        return bool(evaluate(raw["operator"], a, raw["value"], raw.get("additional_value"), now, prefix))
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, OSError, AttributeError):
        return False


def look_up(context: Json, attribute: str, is_v2: bool) -> tuple[bool, Json]:
    if attribute in context or not is_v2:
        return attribute in context, context.get(attribute)
    value = context
    for step in attribute.split("."):
        if not isinstance(value, dict) or step not in value:
            return False, None
        value = value[step]
    return True, value


# Version 1.0


def operator_v1(operator: str, a: Json, v: Json, x: Json, now: float, prefix: str) -> Any:  # noqa: C901, PLR0912 - a table of operators
    if a is None and operator not in ("eq", "neq", "time_window", "percentage_bucket", "json_path"):
        return False
    match operator:
        case "eq":
            return a == v
        case "neq":
            return a != v
        case "in":
            return a in v
        case "not_in":
            return a not in v
        case "contains":
            return str(v) in str(a)
        case "not_contains":
            return str(v) not in str(a)
        case "starts_with":
            return str(a).startswith(str(v))
        case "ends_with":
            return str(a).endswith(str(v))
        case "gt" | "gte" | "lt" | "lte":
            return compared(operator, float(a), float(v))
        case "between" if numeric(a) and numeric(v) and numeric(x):
            return float(v) <= float(a) <= float(x)
        case "between":
            return x is not None and moment(v) <= moment(a) <= moment(x)
        case "before":
            return moment(a) < moment(v)
        case "after":
            return moment(a) > moment(v)
        case "contains_all":
            return isinstance(a, (list, str)) and all(item in a for item in v)
        case "contains_any":
            return isinstance(a, (list, str)) and any(item in a for item in v)
        case "match_regex":
            return re.search(v, str(a)) is not None
        case "semantic_version":
            return compared(x or "eq", version(a.lstrip("v")), version(v.lstrip("v")))
        case "geo_distance":
            return within(a, v, float)
        case "time_window":
            return window_v1(a, v, now)
        case "percentage_bucket":
            return md5_bucket(str(a)) < float(v)
        case "json_path":
            return at_path(a, v) == x
        case "array_length":
            return length_is(a, v, x)
    raise ValueError(operator)


def compared(name: str, a: Json, v: Json) -> bool:
    return bool({"eq": a == v, "gt": a > v, "gte": a >= v, "lt": a < v, "lte": a <= v}[name])


def numeric(value: Json) -> bool:
    if isinstance(value, str):
        return value.replace(".", "", 1).isdigit()
    return isinstance(value, (int, float))


def parse_time(text: str) -> datetime:
    text = text.replace("Z", "+00:00")
    if not re.fullmatch(
        r"(?as)\d{4}-\d\d-\d\d(.[0-2]\d(:\d\d(:\d\d(\.\d{3}(\d{3})?)?)?)?([+-][0-2]\d:\d\d(:\d\d)?)?)?", text
    ):
        raise ValueError(text)
    return datetime.fromisoformat(text)


def moment(value: Json) -> datetime:
    if isinstance(value, str):
        return parse_time(value)
    return datetime(1970, 1, 1) + timedelta(seconds=value)  # noqa: DTZ001 - naive, on a machine that runs in UTC


def version(text: str) -> Json:
    parts = re.fullmatch(r"(?a)([^-+]+)(?:-([^+]+))?(?:\+([0-9A-Za-z.-]+))?", text)
    if not parts:
        raise ValueError(text)
    core, pre, _build = parts.groups()
    numbers = core.split(".")
    identifiers = pre.split(".") if pre else []
    if len(numbers) != 3 or not all(re.fullmatch(r"(?a)0|[1-9]\d*", n) for n in numbers):
        raise ValueError(text)
    if not all(re.fullmatch(r"(?a)0|[1-9]\d*|[0-9A-Za-z-]*[A-Za-z-][0-9A-Za-z-]*", i) for i in identifiers):
        raise ValueError(text)
    ranks = [(0, int(i), "") if i.isdigit() else (1, 0, i) for i in identifiers]
    return [int(n) for n in numbers], not identifiers, ranks


def within(a: Json, v: Json, read: Callable[[Json], float]) -> bool:
    """The chord between two unit vectors, not haversine: an independent way to the distance."""
    unit, comparison = v.get("unit", "km"), v.get("comparison")
    comparison = "lte" if comparison is None else comparison
    scale = {"km": 1, "kilometers": 1, "kilometre": 1, "kilometres": 1, "miles": 0.621371, "mi": 0.621371}
    scale |= {"meters": 1000, "metres": 1000, "m": 1000}
    a_lat, a_lon = coordinates(a, read)
    v_lat, v_lon = coordinates(v, read)
    a_axes, v_axes = unit_vector(a_lat, a_lon), unit_vector(v_lat, v_lon)
    chord = math.dist(a_axes, v_axes)
    distance = 2 * math.asin(min(1, chord / 2)) * 6371.0 * scale[unit.lower()]
    radius = read(v["radius"])
    if radius < 0:
        return False
    return abs(distance - radius) < 0.01 if comparison == "eq" else compared(comparison, distance, radius)


def unit_vector(lat: float, lon: float) -> tuple[float, float, float]:
    lat, lon = math.radians(lat), math.radians(lon)
    return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)


def coordinates(value: Json, read: Callable[[Json], float]) -> tuple[float, float]:
    if isinstance(value, list):
        lat, lon = value
    else:
        names = [("lat", "lon"), ("latitude", "longitude"), ("lat", "longitude"), ("latitude", "lon")]
        lat, lon = [(value[a], value[b]) for a, b in names if a in value and b in value][0]  # noqa: RUF015 - LookupError
    if not (-90 <= read(lat) <= 90 and -180 <= read(lon) <= 180):
        raise ValueError(value)
    return read(lat), read(lon)


def window_v1(a: Json, v: Json, now: float) -> bool:
    if not isinstance(v, dict) or v == {}:
        return v == {}
    zone = ZoneInfo(v["timezone"]) if v.get("timezone") else None
    try:
        local = moment(a) if isinstance(a, (str, int, float)) else None
    except ValueError:
        if not isinstance(a, str):
            raise
        local = None
    if local is None:
        local = datetime.fromtimestamp(now, zone or UTC)
    elif zone and local.tzinfo:
        local = local.astimezone(zone)
    return is_in_clock_window(local, v)


def is_in_clock_window(local: datetime, v: Json) -> bool:
    if "days" in v and not all(isinstance(day, int) and 0 <= day <= 6 for day in v["days"]):
        return False
    if "days" in v and local.weekday() not in v["days"]:
        return False
    if ("start_time" in v) != ("end_time" in v) or ("start_date" in v) != ("end_date" in v):
        return False
    if "start_time" in v:
        start, end = clock(v["start_time"]), clock(v["end_time"])
        before_end = local.time() <= end or (local.hour, local.minute) == (end.hour, end.minute)
        if not (local.time() >= start or before_end if start > end else local.time() >= start and before_end):
            return False
    if "start_date" in v:
        first, last = (date(*map(int, v[name].split("-"))) for name in ("start_date", "end_date"))
        return first <= local.date() <= last
    return True


def clock(text: str) -> time:
    hour, minute, *rest = map(int, text.split(":"))
    (second,) = rest or [0]
    return time(hour, minute, second)


def at_path(a: Json, path: str) -> Json:
    node: Any = json.loads(a) if isinstance(a, str) else a
    if not isinstance(node, (list, dict)):
        raise TypeError(a)
    for step in path[2:].split("."):
        key: Any = int(step) if isinstance(node, list) and step.isdigit() else step
        node = node[key]
    return node


def length_is(a: Json, v: Json, x: Json) -> bool:
    if not isinstance(a, (list, dict, str)):
        return False
    if x == "between":
        return int(v["min"]) <= len(a) <= int(v["max"])
    return compared(x or "eq", len(a), int(v))


# Version 2.0


def operator_v2(operator: str, a: Json, v: Json, x: Json, now: float, prefix: str) -> Any:  # noqa: C901, PLR0912 - a table of operators
    if operator in ("eq", "neq"):
        return same(a, v) == (operator == "eq")
    if a is None:
        return False
    match operator:
        case "in" | "not_in":
            return any(same(a, item) for item in v) == (operator == "in")
        case "contains" | "not_contains":
            contains = any(same(item, v) for item in a) if isinstance(a, list) else text_of(v) in text_of(a)
            return contains == (operator == "contains")
        case "starts_with":
            return text_of(a).startswith(text_of(v))
        case "ends_with":
            return text_of(a).endswith(text_of(v))
        case "gt" | "gte" | "lt" | "lte":
            return compared(operator, number_of(a), number_of(v))
        case "between":
            return between_v2(a, v, x)
        case "before":
            return instant(a) < instant(v)
        case "after":
            return instant(a) > instant(v)
        case "contains_all" | "contains_any":
            if isinstance(a, list):
                present = [any(same(item, wanted) for item in a) for wanted in v]
            else:
                present = [isinstance(wanted, str) and wanted in a for wanted in v if isinstance(a, str)]
            fits = isinstance(a, (list, str))
            return fits and (all(present) if operator == "contains_all" else any(present))
        case "match_regex":
            return re.search(v, text_of(a)) is not None
        case "geo_distance" if isinstance(v, list):
            return within(a, {"lat": v[0], "lon": v[1], "radius": x}, number_of)
        case "geo_distance":
            return within(a, v, number_of)
        case "time_window":
            return window_v2(a, v)
        case "percentage_bucket" if v in (0, 100):
            return bool(v == 100)
        case "percentage_bucket":
            return murmur_bucket(prefix, a, half=1) < round(v * 1000)
        case "semantic_version":
            return compared(x or "eq", lenient_version(a), lenient_version(v))
        case "json_path":
            return same(at_path(a, v), x)
    return operator_v1(operator, a, v, x, now, prefix)


def lenient_version(value: Json) -> Json:
    text = text_of(value).lstrip("vV")
    core = re.split(r"[-+]", text)[0]
    return version(core + ".0" * (2 - core.count(".")) + text[len(core) :])


def same(a: Json, b: Json) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def text_of(value: Json) -> str:
    if type(value) not in (str, int, float):
        raise TypeError(value)
    return str(value)


def number_of(value: Json) -> int | float:
    """Text is a number if it is exactly the JSON of one, which Python reads without rounding integers."""
    if isinstance(value, str):
        read = json.loads(value) if value == value.strip() else None
        return number_of(None if isinstance(read, str) else read)
    if type(value) not in (int, float) or not -math.inf < value < math.inf:
        raise TypeError(value)
    number: int | float = value
    return number


def between_v2(a: Json, v: Json, x: Json) -> bool:
    try:
        low, high = number_of(v), number_of(x)
    except (TypeError, ValueError):
        return instant(v) <= instant(a) <= instant(x)
    return bool(low <= number_of(a) <= high)


def instant(value: Json) -> int:
    """Nanoseconds since the epoch."""
    if isinstance(value, bool):
        raise TypeError(value)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    if not isinstance(value, str):
        seconds = value / 1000 if abs(value) >= 100_000_000_000 else value
        return (epoch + timedelta(seconds=seconds) - epoch) // timedelta(microseconds=1) * 1000
    parts = re.fullmatch(r"(?as)(.{19})\.(\d+)(.*)", value)
    nanoseconds = int(parts[2].ljust(9, "0")[:9]) if parts else 0
    text = parts[1] + parts[3] if parts else value
    if len(text) > 11:
        text = text[:10] + "T" + text[11:]  # any separator will do
    is_leap = text[16:19] == ":60"
    if is_leap:
        text = text[:17] + "59" + text[19:]
    if text[-1:] in ("z", "Z"):
        text = text[:-1] + "+00:00"
    if len(value) > 48 or "Z" in text:
        raise ValueError(value)
    read = parse_time(text)
    seconds = ((read if read.tzinfo else read.replace(tzinfo=UTC)) - epoch) // timedelta(seconds=1)
    if is_leap and (seconds + 1) % 86_400:
        raise ValueError(value)
    return (seconds + is_leap) * 10**9 + nanoseconds


def zone_named(name: str) -> ZoneInfo:
    """In any case."""
    return ZoneInfo(next(known for known in available_timezones() if known.lower() == name.lower()))


def window_v2(a: Json, v: Json) -> bool:
    v = {name: part for name, part in v.items() if part is not None}
    time_of_a = instant(a)
    if "start" in v and time_of_a < instant(v["start"]):
        return False
    if "end" in v and time_of_a > instant(v["end"]):
        return False
    moment_of_a = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_of_a // 1000)
    return is_in_clock_window(moment_of_a.astimezone(zone_named(v.get("timezone") or "UTC")), v)
