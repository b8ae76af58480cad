"""CloudWatch Evidently's segments: EventBridge patterns over the evaluation context, as conditions.

A field that is a list matches by any of its elements. Numbers are equal if they are written alike, so 300 is
not 300.0. What the documentation does not describe is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from realtime.migration.model import Json, Refused, all_of, any_of, attribute, negate
from realtime.migration.rule_parts import require

Test = Callable[[dict[str, Json]], Json]
"""From the subject of a test, such as ``{"if": name}``, to the condition."""
_IF_THERE = {"missing": "unknown"}
"""In a negated test: it does not hold without the attribute."""
_ORDERS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def translate_pattern(pattern: Json, path: str, names: Sequence[str] = ()) -> Json:
    """``names`` lead to the object that the pattern is about."""
    conditions = []
    for name, wanted in require(pattern, dict, path).items():
        where = f"{path}.{name}"
        if name == "$or":
            parts = [
                translate_pattern(each, f"{where}[{index}]", names)
                for index, each in enumerate(require(wanted, list, where))
            ]
            if not parts:
                raise Refused(where, "is empty")
            conditions.append(any_of(parts))
        elif isinstance(wanted, dict):
            conditions.append(translate_pattern(wanted, where, [*names, name]))
        else:
            conditions.append(_translate_values(require(wanted, list, where), where, [*names, name]))
    if not conditions:
        raise Refused(path, "has no field")
    return all_of(conditions)


def _translate_values(wanted: Sequence[Json], path: str, names: Sequence[str]) -> Json:
    """One of ``wanted`` has to hold."""
    subject: dict[str, Json] = {"if": list(names) if len(names) > 1 else attribute(names[0])}
    plain: list[Json] = []
    others: list[Json] = []
    for index, value in enumerate(wanted):
        where = f"{path}[{index}]"
        if isinstance(value, dict):
            others.append(_translate_matcher(value, where, subject))
        elif isinstance(value, int) and not isinstance(value, bool):
            others.append({**subject, "eq": value, "as": "integer"})
        else:
            plain.append(_read_plain(value, where))
    if plain:
        others.insert(0, {**subject, "eq": plain[0]} if len(plain) == 1 else {**subject, "in": plain})
    if not others:
        raise Refused(path, "is empty, so that nobody is in the segment")
    return any_of(others)


def _read_plain(value: Json, path: str) -> Json:
    if value is None:
        raise Refused(path, "null: what is null and what is not there cannot be told apart here")
    if isinstance(value, float) and value.is_integer():
        raise Refused(path, "is only equal to a number that is written the same, with its fraction")
    if not isinstance(value, (str, bool, float)):
        raise Refused(path, "must be text, a number, true, false or an object")
    return value


def _translate_matcher(matcher: Mapping[str, Any], path: str, subject: dict[str, Json]) -> Json:
    if len(matcher) != 1:
        raise Refused(path, "must have one operator")
    ((operator, operand),) = matcher.items()
    if operator not in _MATCHERS:
        known = ", ".join(_MATCHERS)
        raise Refused(path, f"{operator}: is none of the operators that are known: {known}")
    return _MATCHERS[operator](operand, f"{path}.{operator}", subject)


def _begins(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    return {**subject, "starts_with": require(operand, str, path)}


def _ends(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    return {**subject, "ends_with": require(operand, str, path)}


def _exists(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    return {**subject, "exists": require(operand, bool, path)}


def _is_in_network(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    return {**subject, "cidr": require(operand, str, path)}


def _ignores_case(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    """Letter by letter, by the pattern's own two cases: other letters never stand for them."""
    return {**subject, "re2": rf"\A{''.join(map(_both_cases, require(operand, str, path)))}\z"}


def _both_cases(letter: str) -> str:
    cases = dict.fromkeys(each for each in (letter, letter.lower(), letter.upper()) if len(each) == 1)
    return re.escape(letter) if len(cases) == 1 else f"[{''.join(map(re.escape, cases))}]"


def _is_like(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    """``*`` is any text; a backslash takes the next letter as it is."""
    parts = re.findall(r"\\.|.", require(operand, str, path), re.DOTALL)
    if any(part == "\\" or (part[0] == "\\" and part[1:] not in ("*", "\\")) for part in parts):
        raise Refused(path, "has a backslash before something else than * and \\")
    text = "".join("(?s:.*)" if part == "*" else re.escape(part[-1]) for part in parts)
    return {**subject, "re2": rf"\A{text}\z"}


def _is_none_of(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    values = operand if isinstance(operand, list) else [operand]
    tests = [_none_of(value, f"{path}[{index}]") for index, value in enumerate(values)]
    if not tests:
        raise Refused(path, "is empty")
    return _for_each_value(subject, lambda one: all_of([test(one) for test in tests]))


def _none_of(value: Json, path: str) -> Test:
    if isinstance(value, int) and not isinstance(value, bool):
        return lambda one: negate({**one, "eq": value, "as": "integer", **_IF_THERE})
    if isinstance(value, (dict, list)):
        raise Refused(path, "anything-but is known with text and numbers only")
    plain = _read_plain(value, path)
    return lambda one: {**one, "neq": plain}


def _compares(operand: Json, path: str, subject: dict[str, Json]) -> Json:
    """``["=", 5]``, ``[">", 0]`` or ``[">", 0, "<=", 5]``."""
    parts = require(operand, list, path)
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    if len(parts) not in (2, 4) or (len(pairs) == 2 and any(sign == "=" for sign, _ in pairs)):
        raise Refused(path, "must be an operator with its number, or two of them")
    tests: list[tuple[str, Json]] = []
    for sign, number in pairs:
        if sign != "=" and sign not in _ORDERS:
            raise Refused(path, f"{sign}: must be =, <, <=, > or >=")
        tests.append((_ORDERS.get(sign, "eq"), require(number, (int, float), path)))
    if len(tests) == 1:
        ((name, number),) = tests
        return {**subject, name: number, "as": "number"}
    return _for_each_value(
        subject, lambda one: [{**one, name: number, "as": "number"} for name, number in tests]
    )


def _for_each_value(subject: dict[str, Json], test: Test) -> Json:
    """Holds for the value, or for one element of a list: all parts of the test for the same one."""
    name = subject["if"]
    is_value = [
        {**subject, "exists": True},
        *(negate({**subject, "type": each, "list": "whole", **_IF_THERE}) for each in ("list", "object")),
    ]
    return any_of([all_of([*is_value, test(subject)]), {"some": name, "where": test({"item": ""})}])


_MATCHERS: Mapping[str, Callable[[Json, str, dict[str, Json]], Json]] = {
    "prefix": _begins,
    "suffix": _ends,
    "anything-but": _is_none_of,
    "numeric": _compares,
    "exists": _exists,
    "equals-ignore-case": _ignores_case,
    "wildcard": _is_like,
    "cidr": _is_in_network,
}
