"""Written tests of one value: `{if: app_version, gte: 2.3.0, as: semver}`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.domain.definitions.rules.operands import (
    read_attribute,
    read_reader,
    read_relative_time,
    read_time,
)
from chalicelib.domain.definitions.rules.syntax import Json, require_choice, require_fields
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.readers.times import CLOCK_READERS

OPTIONS = ("as", "missing", "unreadable", "list")
SUBJECTS = ("if", "item")


class Operator(NamedTuple):
    """``relation`` of the general form; ``is_negated``: its opposite, but never of a missing value.

    ``reader`` is the usual one, by the written value.
    """

    relation: str
    is_negated: bool = False
    reader: Callable[[Json], str | None] = lambda _value: None
    is_of_list: bool = False  # it compares lists as a whole


def _by_type(value: Json) -> str | None:
    """What has an order is compared as what the written value is."""
    example = value[0] if isinstance(value, list) and value else value
    return "text" if isinstance(example, str) else "number"


def _as_time(_value: Json) -> str:
    return "instant"


def _as_version(_value: Json) -> str:
    return "semver"


OPERATORS: Mapping[str, Operator] = {
    "eq": Operator("eq"),
    "neq": Operator("eq", is_negated=True),
    "in": Operator("in"),
    "not_in": Operator("in", is_negated=True),
    "gt": Operator("gt", reader=_by_type),
    "gte": Operator("ge", reader=_by_type),
    "lt": Operator("lt", reader=_by_type),
    "lte": Operator("le", reader=_by_type),
    "between": Operator("between", reader=_by_type),
    "before": Operator("lt", reader=_as_time),
    "after": Operator("gt", reader=_as_time),
    "starts_with": Operator("starts"),
    "ends_with": Operator("ends"),
    "contains": Operator("contains"),
    "not_contains": Operator("contains", is_negated=True),
    "matches": Operator("match"),
    "not_matches": Operator("match", is_negated=True),
    "cidr": Operator("cidr"),
    "not_cidr": Operator("cidr", is_negated=True),
    "modulo": Operator("modulo"),
    "contains_any": Operator("meets", is_of_list=True),
    "contains_all": Operator("superset", is_of_list=True),
    "subset_of": Operator("subset", is_of_list=True),
    "same_as": Operator("equals", is_of_list=True),
    "in_range": Operator("version-range", reader=_as_version),
    "not_in_range": Operator("version-range", is_negated=True, reader=_as_version),
    "type": Operator("type", is_of_list=True),
    "exists": Operator("exists", is_of_list=True),
}
"""By the name in a rule. docs/rules.md has the table."""


def translate_test(condition: Mapping[str, Any], path: str) -> Json:
    """Tests every element of an attribute that is a list, unless ``list: whole``."""
    operators = [name for name in condition if name not in (*SUBJECTS, *OPTIONS)]
    known = (*SUBJECTS, *OPERATORS, *OPTIONS)
    require_fields(condition, path, known)
    if len(operators) != 1:
        raise InvalidForm(path, f"must have one operator, of {', '.join(OPERATORS)}")
    (name,) = operators
    operator, value = OPERATORS[name], condition[name]
    operand = _read_subject(condition, path)
    if operator.relation == "exists":
        return _translate_exists(operand, condition, value, path)
    reader = read_reader(condition.get("as"), f"{path}.as") or operator.reader(value)
    test: dict[str, Json] = {"test": operator.relation, "of": _add_reader(operand, reader)}
    test |= _read_right_side(operator, value, reader, f"{path}.{name}")
    if not operator.is_of_list and _read_list_option(condition, path) == "any":
        test["list"] = "any"
    outcomes = _read_outcomes(condition, path)
    return _check(_negate(test, outcomes) if operator.is_negated else test | outcomes, f"{path}.{name}")


def _read_subject(condition: Mapping[str, Any], path: str) -> Json:
    if "item" not in condition:
        return read_attribute(condition["if"], f"{path}.if")
    if condition["item"] in ("", []):
        return {"item": []}
    attribute = read_attribute(condition["item"], f"{path}.item")
    steps = attribute["first"][1]["attr"] if "first" in attribute else attribute["attr"]
    return {"item": [steps] if isinstance(steps, str) else steps}


def _translate_exists(operand: Json, condition: Mapping[str, Any], value: Json, path: str) -> Json:
    if not isinstance(value, bool):
        raise InvalidForm(f"{path}.exists", "must be true or false")
    for name in OPTIONS:
        if name in condition:
            raise InvalidForm(f"{path}.{name}", "has no meaning beside exists; remove it")
    test = {"test": "exists", "of": operand}
    return test if value else {"not": test}


def _add_reader(operand: Json, reader: str | None) -> Json:
    return operand | {"as": reader} if reader else operand


def _read_right_side(operator: Operator, value: Json, reader: str | None, path: str) -> Mapping[str, Json]:
    if isinstance(value, dict) and "attribute" in value:
        fields = require_fields(value, path, ("attribute",))
        return {"with": _add_reader(read_attribute(fields["attribute"], f"{path}.attribute"), reader)}
    seconds = read_relative_time(value) if reader in CLOCK_READERS else None
    if seconds is not None:
        return {"with": {"now": seconds, "as": reader}}
    if reader == "instant" and operator.relation != "between":
        read_time(value, path)
    return {"value": value}


def _read_list_option(condition: Mapping[str, Any], path: str) -> str:
    return require_choice(condition.get("list", "any"), ("any", "whole"), f"{path}.list")


def _read_outcomes(condition: Mapping[str, Any], path: str) -> dict[str, Json]:
    outcomes: dict[str, Json] = {}
    for name in ("missing", "unreadable"):
        if name in condition:
            value = condition[name]
            allowed = (True, False, "unknown", "pass") if name == "missing" else (True, False, "unknown")
            if (isinstance(value, int) and not isinstance(value, bool)) or value not in allowed:
                raise InvalidForm(f"{path}.{name}", "must be false, true or unknown")
            outcomes[name] = value
    return outcomes


def _negate(test: Json, outcomes: Mapping[str, Json]) -> Json:
    """A value that is missing or cannot be read meets no test, a negated one neither, unless written."""
    opposite = {True: False, False: True, "unknown": "unknown", "pass": "pass"}
    inside = {name: opposite[outcomes.get(name, False)] for name in ("missing", "unreadable")}
    return {"not": test | inside}


def _check(form: Json, path: str) -> Json:
    """The engine knows what each relation and reader takes; its message gets the path of the rule."""
    try:
        compile_condition(form, "")
    except InvalidForm as error:
        raise InvalidForm(path, error.problem.message) from None
    return form
