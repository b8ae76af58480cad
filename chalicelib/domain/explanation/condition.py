"""Why a condition of the general form holds for a user or does not. The engine decides each part of it."""

from collections.abc import Callable, Mapping

from chalicelib.domain.explanation.comparison import describe_test
from chalicelib.domain.explanation.question import Json, Question
from chalicelib.domain.explanation.words import name_operand, shorten
from chalicelib.domain.general_form.operands import compile_read_operand
from chalicelib.domain.general_form.shards import compile_place, find_ramp_limit, parse_ramp, parse_shard

MAX_ALTERNATIVES = 5
"""Of an ``any`` that are explained."""


def explain_failure(condition: Json, question: Question) -> str:
    """Why ``condition``, which is false or unknown, does not hold: its first part that keeps it from that."""
    if not isinstance(condition, dict):
        return f"the condition is {'false' if condition is False else condition}"
    return next(explain(condition, question) for kind, explain in _FAILURES.items() if kind in condition)


def explain_mismatch(condition: Json, question: Question) -> str:
    """As `explain_failure`; says so if the condition is unknown."""
    prefix = "unknown: " if question.holds(condition) is None else ""
    return prefix + explain_failure(condition, question)


def explain_success(condition: Json, question: Question) -> str:
    """What a condition that holds compared, if that fits into a few words; else empty."""
    match condition:
        case {"shard": _}:
            return _describe_shard(condition, question)
        case {"not": {"shard": _} as inner}:
            return _describe_shard(inner, question)
        case {"test": str(name)} | {"not": {"test": str(name)}} if "/" not in name:
            return describe_test(condition.get("not", condition), question)
        case {"all": parts}:  # only buckets: a rule may have many conditions
            shards = [part for part in parts if isinstance(part, dict) and ("shard" in part or "all" in part)]
            return "; ".join(filter(None, (explain_success(part, question) for part in shards)))
        case {"any": [_, _, *_] as parts}:  # such as the rules of an experiment
            index = next(index for index, part in enumerate(parts, 1) if question.holds(part))
            return f"alternative {index} of {len(parts)} holds"
    return ""


def place_unit(form: Json, question: Question, where: str) -> str:
    """The unit's bucket, followed by ``where``; without a unit only that there is none.

    Raises MissingUnit for ``missing: error``.
    """
    shard = parse_shard(form, "")
    place = question.ask(compile_place(shard))
    if place is not None:
        return f"bucket {format_number(shard.scheme.read_number(place))} {where}"
    absent = explain_missing_unit(form.get("unit", "user"), question)
    if shard.missing_number is None:
        return absent
    return f"{absent}, counts as bucket {format_number(shard.missing_number)} {where}"


def explain_missing_unit(operand: Json, question: Question) -> str:
    name, value = name_operand(operand), question.read(operand)
    return f"no unit: {name} is absent" if value is None else f"no unit: {name} is {shorten(value)}"


def format_number(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:.6g}"


def format_ranges(ranges: Json, *, closed: bool = False) -> str:
    texts = [f"[{format_number(low)}, {format_number(high)}{']' if closed else ')'}" for low, high in ranges]
    return " ".join(texts) or "the empty range"


def _describe_shard(condition: Json, question: Question) -> str:
    scheme = parse_shard(condition["shard"], "").scheme
    end = format_number(scheme.end)
    if "below" in condition:
        limit = find_ramp_limit(parse_ramp(condition["below"], scheme, ""), question.state.now)
        ranges = f"{format_ranges([[0, limit]])}, which changes with time,"
    else:
        ranges = format_ranges(condition["ranges"], closed=condition.get("closed", False))
    verdict = "inside" if question.holds(condition) else "outside"
    return place_unit(condition["shard"], question, f"is {verdict} {ranges} of {end}")


def _explain_all(condition: Json, question: Question) -> str:
    parts, outcome = condition["all"], question.holds(condition)
    first = next(part for part in parts if question.holds(part) is outcome)
    if first is not parts[-1] or not all(map(question.holds, parts[:-1])):
        return explain_failure(first, question)
    return _explain_rollout(first, question) or explain_failure(first, question)


def _explain_rollout(condition: Json, question: Question) -> str:
    """Of a share of the users to whom everything else applies; empty for other conditions."""
    match condition:
        case {"shard": shard, "ranges": [[0, high]]}:
            parsed = parse_shard(shard, "")
            if question.ask(compile_place(parsed)) is None:
                return "its conditions match, but there is no unit that its rollout could divide"
            share = f"{100 * high / parsed.scheme.end:g} %"
            bucket = _describe_shard(condition, question)
            return f"its conditions match, but this user is outside of its rollout of {share}: {bucket}"
    return ""


def _explain_any(condition: Json, question: Question) -> str:
    parts, outcome = condition["any"], question.holds(condition)
    if not parts:
        return "it has no alternatives"
    if outcome is None or len(parts) == 1:
        return explain_failure(next(part for part in parts if question.holds(part) is outcome), question)
    reasons = [explain_failure(part, question) for part in parts[:MAX_ALTERNATIVES]]
    more = "; …" if len(parts) > MAX_ALTERNATIVES else ""
    return f"none of its {len(parts)} alternatives holds: {'; '.join(reasons)}{more}"


def _explain_not(condition: Json, question: Question) -> str:
    inner = condition["not"]
    if question.holds(inner) is None:
        return explain_failure(inner, question)
    fact = explain_success(inner, question)
    if fact and ("test" in inner or "shard" in inner):
        return fact
    return f"what it excludes holds: {fact}" if fact else "what it excludes holds"


def _explain_segment(condition: Json, question: Question) -> str:
    is_unknown = question.holds(condition) is None
    verb = "may or may not be" if is_unknown else "is not"
    return f"this user {verb} in segment {condition['segment']}"


def _explain_some(condition: Json, question: Question) -> str:
    name = name_operand(condition["some"])
    elements = question.ask(compile_read_operand(condition["some"], ""))
    if elements is None:
        return f"{name} is absent"
    if not isinstance(elements, list):
        return f"{name} is not a list, and is {shorten(elements)}"
    if not elements:
        return f"{name} is empty"
    outcome, outer = question.holds(condition), question.state.item
    try:
        for element in elements:
            question.state.item = element
            if question.holds(condition["where"]) is outcome:
                reason = explain_failure(condition["where"], question)
                break
    finally:
        question.state.item = outer
    return f"none of the elements of {name} ({len(elements)}) matches, the first because {reason}"


_FAILURES: Mapping[str, Callable[[Json, Question], str]] = {
    "all": _explain_all,
    "any": _explain_any,
    "not": _explain_not,
    "segment": _explain_segment,
    "shard": _describe_shard,
    "some": _explain_some,
    "test": describe_test,
}
