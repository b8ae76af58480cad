"""Unleash's constraints as conditions. Values of the context are text."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.definitions.rules.attribute_tests import translate_test
from chalicelib.domain.general_form.problems import InvalidForm
from realtime.migration.model import Json, Refused, any_of, attribute, negate
from realtime.migration.rule_parts import USER

Fields = Mapping[str, Any]
_NUMBERS = {"NUM_EQ": "eq", "NUM_GT": "gt", "NUM_GTE": "gte", "NUM_LT": "lt", "NUM_LTE": "lte"}
_VERSIONS = {f"SEMVER_{name}": name.lower() for name in ("EQ", "GT", "GTE", "LT", "LTE")}
_TEXTS = {"STR_STARTS_WITH": "starts_with", "STR_ENDS_WITH": "ends_with", "STR_CONTAINS": "contains"}


def translate_constraint(constraint: Fields, path: str) -> Json:
    """`inverted` negates the rule for missing fields, too."""
    test = _translate_test(constraint)
    if test is None:
        return False
    is_inverted = bool(constraint.get("inverted"))
    problem = _find_problem(test)
    if problem and is_inverted:
        raise Refused(path, f"{problem}, and it is not known what Unleash makes of that if it is inverted")
    if problem:
        return False
    return negate(test) if is_inverted else test


def _find_problem(test: Json) -> str:
    """With the value: Unleash takes a constraint that it cannot use for false."""
    if not isinstance(test, dict) or "if" not in test:
        return ""
    try:
        translate_test(test, "")
    except InvalidForm as error:
        return error.problem.message
    return ""


def _translate_test(constraint: Fields) -> Json | None:
    """None for an unknown operator: it is false, also inverted."""
    operator, name = constraint["operator"], constraint["contextName"]
    values = [str(value) for value in constraint.get("values") or ()]
    value = constraint.get("value")
    subject = {"if": find_subject(name)}
    is_folded = {"as": "lower"} if constraint.get("caseInsensitive") else {}
    if operator in ("IN", "NOT_IN"):
        test = {**subject, "in": values} if values else False
        return negate(test) if operator == "NOT_IN" else test
    if operator in _TEXTS:
        return any_of([{**subject, _TEXTS[operator]: each, **is_folded} for each in values])
    if operator in _NUMBERS:
        return {**subject, _NUMBERS[operator]: str(value), "as": "number-or-text"}
    if operator in _VERSIONS:
        return {**subject, _VERSIONS[operator]: str(value), "as": "semver-strict"}
    if operator in ("DATE_AFTER", "DATE_BEFORE"):
        word = operator.removeprefix("DATE_").lower()
        return {**({"if": {"clock": "now"}} if name == "currentTime" else subject), word: value}
    if operator == "REGEX":
        pattern = f"(?i){value}" if constraint.get("caseInsensitive") else value
        return {**subject, "re2": pattern}
    if operator == "IN_CIDR":
        networks = [each for each in values if is_network(each)]
        return {**subject, "cidr": networks} if networks else False
    return None


def find_subject(field: str) -> Json:
    """As `if` names it."""
    return USER if field == "userId" else attribute(field)


def is_network(text: str) -> bool:
    from ipaddress import ip_network

    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
