"""An interpreter of the general form: slow and obvious, written from the specification.

It evaluates the JSON document as it is, without compiling or caching, and shares no code with the engine
that it checks. Documents are valid ones; contexts may be any JSON.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.support.general_readers import canonical, lower, read, read_clock, read_each
from tests.support.general_relations import AS_WRITTEN, LISTS, SETS, is_truthy, relate
from tests.support.general_schemes import hash_unit
from tests.support.general_values import MISSING, NEXT, UNDECIDED, UNREADABLE, Json, Special, is_number

Answer = tuple[Any, ...]
"""("variant", definition key, variant id, enabled, reason), ("none",) or ("error",)."""
Truth = bool | Literal["unknown"]


class EvaluationError(Exception):
    """Part of the definition cannot be evaluated. No rule catches it: the whole answer is an error."""


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
        case {"shard": _}:
            return evaluate_shard(condition, scope)
        case {"test": _}:
            return evaluate_test(condition, scope)
        case {"some": operand, "where": where}:
            elements = evaluate_operand(operand, scope)
            if not isinstance(elements, list):
                return False
            return is_any(evaluate_condition(where, replace(scope, element=element)) for element in elements)
    raise AssertionError(condition)


def evaluate_shard(condition: Json, scope: Scope) -> Truth:
    number = shard_number(condition["shard"], scope)
    if not is_number(number):
        return "unknown" if number == "unknown" else False
    if "below" not in condition:
        return is_in_ranges(number, condition["ranges"], condition.get("closed", False))
    (start, low), (end, high) = condition["below"]["from"], condition["below"]["to"]
    passed = min(max((scope.now - start) / (end - start), 0), 1)
    return bool(number < low + (high - low) * passed)


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
    if test["test"] == "readable":
        return not isinstance(evaluate_operand(operand, scope), Special)
    raw = evaluate_without_reader(operand, scope)
    if test.get("list") == "any" and isinstance(raw, list):
        return is_any(evaluate_relation(test, element, scope) for element in raw)
    return evaluate_relation(test, raw, scope)


def evaluate_relation(test: Json, raw_left: Json, scope: Scope) -> Truth:
    relation, missing = test["test"], test.get("missing", False)
    reader = reader_of(test["of"])
    left = read_each(reader, raw_left) if relation in SETS else read_operand(test["of"], raw_left)
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
    if relation in ("truthy", "logic-truthy"):
        return is_truthy(left, relation)
    if "with" in test:
        right = evaluate_operand(test["with"], scope)
    elif relation in AS_WRITTEN or (relation in SETS and reader == "json-list"):
        right = test["value"]
    elif relation in LISTS:
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


# Operands


def evaluate_operand(operand: Json, scope: Scope) -> Json:
    return read_operand(operand, evaluate_without_reader(operand, scope))


def read_operand(operand: Json, raw: Json) -> Json:
    if isinstance(operand, dict) and "now" in operand:
        return read_clock(reader_of(operand), raw)
    return read(reader_of(operand), raw)


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
        case {"now": offset}:
            return scope.now + offset
        case {"fn": function, "args": operands}:
            return call(function, [evaluate_operand(each, scope) for each in operands])
        case {"first": operands}:
            values = (evaluate_operand(each, scope) for each in operands)
            return next((value for value in values if not isinstance(value, Special)), MISSING)
        case {"flag": key, "get": part}:
            answer = answer_of(key, scope)
            if answer == ("none",):
                return MISSING
            steps = operand.get("path", [])
            _, answering_key, variant_id, enabled, _ = answer
            variant = scope.document["definitions"][answering_key]["variants"][variant_id]
            name = variant.get("name", variant_id)
            told = {"value": variant.get("value"), "variant": name, "id": variant_id, "enabled": enabled}
            return descend(told[part], steps)
    raise AssertionError(operand)


def call(function: str, values: list[Json]) -> Json:
    if UNREADABLE in values:
        return UNREADABLE
    if function == "list":
        return [None if value is MISSING else value for value in values]
    if function != "cat" and MISSING in values:
        return MISSING
    match function:
        case "cat" | "join":
            texts = [canonical(value) for value in values if value is not MISSING]
            return UNREADABLE if UNREADABLE in texts else "".join(texts)
        case "length":
            return len(values[0]) if isinstance(values[0], (str, list, dict)) else UNREADABLE
        case "lower":
            return lower(values[0])
    raise AssertionError(function)


def descend(value: Json, path: list[str]) -> Json:
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


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


def is_in_ranges(number: float, ranges: list[Json], is_closed: bool = False) -> bool:
    return any(low <= number < high or (is_closed and number == high) for low, high in ranges)
