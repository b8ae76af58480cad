"""An interpreter of the general form: slow and obvious, written from the specification.

It evaluates the JSON document as it is, without compiling or caching, and shares no code with the engine
that it checks. Documents are valid ones; contexts may be any JSON.
"""

import hashlib
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import zip_longest
from typing import Any, Literal

import mmh3

Json = Any
Answer = tuple[Any, ...]
"""("variant", definition key, variant id, enabled, reason), ("none",) or ("error",)."""
Truth = bool | Literal["unknown"]


class Special(Enum):
    MISSING = "an operand that is not there"
    UNREADABLE = "a value that its reader or its relation cannot read"
    NEXT = "the word `next` was served"
    UNDECIDED = "nothing was served"


MISSING, UNREADABLE, NEXT, UNDECIDED = Special


class EvaluationError(Exception):
    """Part of the definition cannot be evaluated. No rule catches it: the whole answer is an error."""


@dataclass(frozen=True)
class Version:
    numbers: tuple[int, ...]
    prerelease: tuple[str, ...]


@dataclass(frozen=True)
class Scope:
    """What a part of the document sees while it is evaluated."""

    document: Json
    user: str | None
    context: Json
    now: float
    open_definitions: tuple[str, ...] = ()
    open_segments: tuple[str, ...] = ()
    element: Json = MISSING
    is_in_default: bool = False

    @property
    def definition(self) -> Json:
        return self.document["definitions"][self.open_definitions[-1]]


def interpret(document: Json, key: str, user: str | None, context: Json, now: float) -> Answer:
    try:
        return answer_of(key, Scope(document, user, context, now))
    except EvaluationError:
        return ("error",)


def answer_of(key: str, scope: Scope) -> Answer:
    if key in scope.open_definitions or key not in scope.document["definitions"]:
        raise EvaluationError
    inside = replace(
        scope, open_definitions=(*scope.open_definitions, key), element=MISSING, is_in_default=False
    )
    outcome = run_rules(inside.definition["rules"], inside)
    return outcome if isinstance(outcome, tuple) else answer_of_default(inside)


def answer_of_default(scope: Scope) -> Answer:
    if scope.is_in_default:
        return ("none",)
    outcome = serve(scope.definition.get("default", "none"), replace(scope, is_in_default=True))
    return outcome if isinstance(outcome, tuple) else ("none",)


# Rules


def run_rules(rules: list[Json], scope: Scope) -> Answer | Special:
    for rule in rules:
        outcome = run_rule(rule, scope)
        if isinstance(outcome, tuple):
            return outcome
    return UNDECIDED


def run_rule(rule: Json, scope: Scope) -> Answer | Special:
    if evaluate_condition(rule.get("when", True), scope) is not True:
        return NEXT
    for gate in rule.get("gates", []):
        if evaluate_condition(gate, scope) is not True:
            return serve(rule.get("else", "next"), scope)
    outcome = serve(rule["serve"], scope)
    return serve(rule.get("else", "next"), scope) if outcome is UNDECIDED else outcome


def serve(served: Json, scope: Scope) -> Answer | Special:
    if isinstance(served, str):
        return serve_word(served, scope)
    if "def" in served:
        return answer_of(served["def"], scope)
    if "rules" in served:
        return run_rules(served["rules"], scope)
    if "split" in served:
        number = shard_number(served["split"], scope)
        if is_number(number):
            for arm in served["arms"]:
                if is_in_ranges(number, arm["ranges"]):
                    return serve(arm["serve"], scope)
        return UNDECIDED
    variant_id = served["variant"]
    variant = scope.definition["variants"][variant_id]
    enabled = served["enabled"] if "enabled" in served else variant.get("enabled", True)
    return ("variant", scope.open_definitions[-1], variant_id, enabled, served.get("reason", ""))


def serve_word(word: str, scope: Scope) -> Answer | Special:
    match word:
        case "next":
            return NEXT
        case "none":
            return ("none",)
        case "default":
            return answer_of_default(scope)
        case "error":
            raise EvaluationError
    raise AssertionError(word)


# Conditions


def evaluate_condition(condition: Json, scope: Scope) -> Truth:
    match condition:
        case True | False | "unknown":
            return condition
        case "error":
            raise EvaluationError
        case {"all": parts}:
            return negate(is_any(negate(evaluate_condition(part, scope)) for part in parts))
        case {"any": parts}:
            return is_any(evaluate_condition(part, scope) for part in parts)
        case {"not": part}:
            return negate(evaluate_condition(part, scope))
        case {"segment": name}:
            return evaluate_segment(name, scope)
        case {"shard": shard, "ranges": ranges}:
            number = shard_number(shard, scope)
            if is_number(number):
                return is_in_ranges(number, ranges, condition.get("closed", False))
            return "unknown" if number == "unknown" else False
        case {"test": _}:
            return evaluate_test(condition, scope)
        case {"some": operand, "where": where}:
            elements = evaluate_operand(operand, scope)
            if not isinstance(elements, list):
                return False
            return is_any(evaluate_condition(where, replace(scope, element=element)) for element in elements)
    raise AssertionError(condition)


def is_any(truths: Iterable[Truth]) -> Truth:
    """Reads no further than the first true."""
    result: Truth = False
    for truth in truths:
        if truth is True:
            return True
        if truth == "unknown":
            result = "unknown"
    return result


def negate(truth: Truth) -> Truth:
    return "unknown" if truth == "unknown" else not truth


def evaluate_segment(name: str, scope: Scope) -> Truth:
    segments = scope.document.get("segments", {})
    if name in scope.open_segments or name not in segments:
        raise EvaluationError
    inside = replace(scope, open_segments=(*scope.open_segments, name), element=MISSING)
    return evaluate_condition(segments[name], inside)


# Tests


def evaluate_test(test: Json, scope: Scope) -> Truth:
    operand = test["of"]
    raw = evaluate_without_reader(operand, scope)
    if test.get("list") == "any" and isinstance(raw, list):
        return is_any(evaluate_relation(test, element, scope) for element in raw)
    return evaluate_relation(test, raw, scope)


def evaluate_relation(test: Json, raw_left: Json, scope: Scope) -> Truth:
    relation, missing = test["test"], test.get("missing", False)
    reader = reader_of(test["of"])
    left = read(reader, raw_left)
    if relation == "exists":
        missing = False
    if left is MISSING:
        if missing != "pass":
            return truth_of(missing)
        left = None
    if left is UNREADABLE:
        return truth_of(test.get("unreadable", False))
    if relation == "exists":
        return True
    if "with" in test:
        right = evaluate_operand(test["with"], scope)
    elif relation in ("in", "between"):
        right = [read_written(reader, element) for element in test["value"]]
    else:
        right = read_written(reader, test["value"])
    if right is MISSING:
        if missing != "pass":
            return truth_of(missing)
        right = None
    result = UNREADABLE if right is UNREADABLE else relate(relation, left, right)
    return truth_of(test.get("unreadable", False)) if isinstance(result, Special) else result


def truth_of(written: Json) -> Truth:
    return "unknown" if written == "unknown" else written is True


def read_written(reader: str | None, value: Json) -> Json:
    """A `value` of the document: null is null here, not missing."""
    return None if value is None else read(reader, value)


def relate(relation: str, left: Json, right: Json) -> bool | Special:
    match relation:
        case "eq":
            return is_equal(left, right)
        case "ne":
            return not is_equal(left, right)
        case "lt" | "le" | "gt" | "ge":
            order = compare(left, right)
            if isinstance(order, Special):
                return order
            return {"lt": order < 0, "le": order <= 0, "gt": order > 0, "ge": order >= 0}[relation]
        case "between":
            if not isinstance(right, list) or len(right) != 2:
                return UNREADABLE
            low, high = compare(left, right[0]), compare(left, right[1])
            if isinstance(low, Special) or isinstance(high, Special):
                return UNREADABLE
            return low >= 0 and high <= 0
        case "in":
            if not isinstance(right, list):
                return UNREADABLE
            return any(is_equal(left, element) for element in right)
    return relate_texts(relation, left, right)


def relate_texts(relation: str, left: Json, right: Json) -> bool | Special:
    if not isinstance(left, str) or not isinstance(right, str):
        return UNREADABLE
    return {"starts": left.startswith, "ends": left.endswith, "contains": left.__contains__}[relation](right)


def is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_equal(left: Json, right: Json) -> bool:
    """JSON equality: 1 is 1.0 but not true. Versions are equal if neither precedes the other."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(is_equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(is_equal(left[name], right[name]) for name in left)
    return bool(left == right)


def compare(left: Json, right: Json) -> int | Special:
    """Negative, 0 or positive."""
    if isinstance(left, Version) and isinstance(right, Version):
        return compare_versions(left, right)
    is_text = isinstance(left, str) and isinstance(right, str)
    if is_text or (is_number(left) and is_number(right)):
        return int(left > right) - int(left < right)
    return UNREADABLE


def compare_versions(left: Version, right: Version) -> int:
    """The precedence of semver.org 2.0.0, §11."""
    if left.numbers != right.numbers:
        return 1 if left.numbers > right.numbers else -1
    if not left.prerelease or not right.prerelease:
        return int(not left.prerelease) - int(not right.prerelease)
    for a, b in zip_longest(left.prerelease, right.prerelease):
        if a == b:
            continue
        if a is None or b is None:
            return -1 if a is None else 1
        if a.isdigit() and b.isdigit():
            return 1 if int(a) > int(b) else -1
        if a.isdigit() or b.isdigit():
            return -1 if a.isdigit() else 1
        return 1 if a > b else -1
    return 0


# Operands


def evaluate_operand(operand: Json, scope: Scope) -> Json:
    return read(reader_of(operand), evaluate_without_reader(operand, scope))


def reader_of(operand: Json) -> str | None:
    return operand.get("as") if isinstance(operand, dict) else None


def evaluate_without_reader(operand: Json, scope: Scope) -> Json:
    value = look_up(operand, scope)
    return MISSING if value is None else value


def look_up(operand: Json, scope: Scope) -> Json:
    match operand:
        case "user":
            return scope.user
        case "context":
            return scope.context
        case "now":
            return scope.now
        case {"attr": path}:
            return descend(scope.context, [path] if isinstance(path, str) else path)
        case {"item": path}:
            return descend(scope.element, path)
        case {"const": value}:
            return value
        case {"first": operands}:
            values = (evaluate_operand(each, scope) for each in operands)
            return next((value for value in values if not isinstance(value, Special)), MISSING)
        case {"flag": key, "get": part}:
            answer = answer_of(key, scope)
            if answer == ("none",):
                return MISSING
            _, answering_key, variant_id, enabled, _ = answer
            variant = scope.document["definitions"][answering_key]["variants"][variant_id]
            name = variant.get("name", variant_id)
            return {"value": variant.get("value"), "variant": name, "enabled": enabled}[part]
    raise AssertionError(operand)


def descend(value: Json, path: list[str]) -> Json:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


# Readers


def read(reader: str | None, value: Json) -> Json:
    if value is None or value is MISSING:
        return MISSING
    if reader is None or value is UNREADABLE:
        return value
    match reader:
        case "text":
            return value if isinstance(value, str) else UNREADABLE
        case "number":
            is_finite = is_number(value) and (isinstance(value, int) or math.isfinite(value))
            return value if is_finite else UNREADABLE
        case "integer":
            return value if is_number(value) and isinstance(value, int) else UNREADABLE
        case "fold":
            return value.lower().casefold() if isinstance(value, str) else UNREADABLE
        case "semver":
            return read_version(value)
        case "instant":
            return read_instant(value)
    raise AssertionError(reader)


NUMBER = r"0|[1-9][0-9]*"
IDENTIFIER = rf"(?:{NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION = re.compile(
    rf"[vV]?({NUMBER})(?:\.({NUMBER}))?(?:\.({NUMBER}))?"
    rf"(?:-({IDENTIFIER}(?:\.{IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
LONGEST_TEXT = 300
"""Characters of a version or of a time."""


def read_version(value: Json) -> Version | Special:
    """`v` or `V` in front is dropped, missing parts are 0, a number is read as its text."""
    text = decimal_text(value) if is_number(value) else value
    parts = VERSION.fullmatch(text) if isinstance(text, str) else None
    if parts is None or len(parts[0]) > LONGEST_TEXT:
        return UNREADABLE
    *numbers, prerelease = parts.groups()
    identifiers = tuple(prerelease.split(".")) if prerelease else ()
    return Version(tuple(int(number or 0) for number in numbers), identifiers)


INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-5][0-9])(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def read_instant(value: Json) -> int | Special:
    """Epoch microseconds; further digits of the second are cut off."""
    parts = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if parts is None or len(parts[0]) > LONGEST_TEXT:
        return UNREADABLE
    date, time, fraction, sign, hours, minutes = parts.groups()
    try:
        written = datetime.strptime(f"{date} {time}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return UNREADABLE
    microseconds = (written - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    offset = (int(hours) * 60 + int(minutes)) * 60_000_000 if sign else 0
    return microseconds + int((fraction or "0")[:6].ljust(6, "0")) - (-offset if sign == "-" else offset)


# Shards


def shard_number(shard: Json, scope: Scope) -> Json:
    """A number, "out" or "unknown"."""
    unit = evaluate_operand(shard.get("unit", "user"), scope)
    if "as" in shard:
        unit = read(shard["as"], unit)
    number = hash_unit(shard, unit)
    if number is not None:
        return number
    missing = shard.get("missing", "out")
    if missing == "error":
        raise EvaluationError
    return missing["bucket"] if isinstance(missing, dict) else missing


def hash_unit(shard: Json, unit: Json) -> float | None:
    """None if there is no unit that can be hashed."""
    if is_number(unit) and isinstance(unit, int):
        unit = decimal_text(unit)
    if not isinstance(unit, str):
        return None
    try:
        data = (shard.get("prefix", "") + unit + shard.get("suffix", "")).encode()
    except UnicodeEncodeError:
        return None
    match shard["scheme"]:
        case "realtime-1":
            first, second = mmh3.hash64(data, seed=0, x64arch=True, signed=False)
            return (int(first if shard["half"] == "first" else second) * 100_000) >> 64
        case "murmur32-mod":
            return int(mmh3.hash(data, shard.get("seed", 0), signed=False)) % int(shard["of"])
        case "sha1-unit":
            digits = hashlib.sha1(data).hexdigest()[:15]  # noqa: S324 - the scheme's choice
            return float(int(digits, 16)) / float(2**60 - 1)
        case "md5-mod":
            return int.from_bytes(hashlib.md5(data).digest(), "big") % int(shard["of"])  # noqa: S324 - the scheme's
    raise AssertionError(shard)


def decimal_text(number: float) -> str | Special:
    try:
        return str(number)
    except ValueError:  # over 4,300 digits
        return UNREADABLE


def is_in_ranges(number: float, ranges: list[Json], is_closed: bool = False) -> bool:
    return any(low <= number < high or (is_closed and number == high) for low, high in ranges)
