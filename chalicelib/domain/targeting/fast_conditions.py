"""The conditions that most rules are made of, without a second call: measured, they halve a rule's time.

Each must give the answer of its general form in direct.py or corrected.py; the tests compare them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.targeting import semver
from chalicelib.domain.targeting.document import Condition

Matcher = Callable[[Mapping[str, Any], float], bool]


def fast_condition(condition: Condition, is_v2: bool) -> Matcher | None:
    """None if the condition has no faster form."""
    attribute, value = condition.attribute, condition.value
    if condition.operator == "eq" and isinstance(value, str):
        return lambda context, _now: context.get(attribute) == value
    if condition.operator == "eq" and isinstance(value, bool):
        if is_v2:
            return lambda context, _now: context.get(attribute) is value
        return lambda context, _now: context.get(attribute) == value
    if condition.operator == "in" and isinstance(value, list) and {*map(type, value)} == {str}:
        return _in_texts(attribute, frozenset(value))
    if condition.operator == "semantic_version" and condition.additional_value == "gte":
        least = semver.key(value)
        return _version_from(attribute, least) if least else None
    return None


def _in_texts(attribute: str, texts: frozenset[str]) -> Matcher:
    def matcher(context: Mapping[str, Any], _now: float) -> bool:
        try:
            return context.get(attribute) in texts
        except TypeError:  # a list or an object cannot be looked up, nor be one of the texts
            return False

    return matcher


def _version_from(attribute: str, least: Any) -> Matcher:
    known, key_of = semver.known, semver.key

    def matcher(context: Mapping[str, Any], _now: float) -> bool:
        try:
            value = context.get(attribute)
            key = known.get(value) or key_of(value)  # type: ignore[arg-type] # any JSON value may be looked up
        except (TypeError, ValueError):  # unhashable, or more digits than Python reads
            return False
        return key is not None and key >= least

    return matcher
