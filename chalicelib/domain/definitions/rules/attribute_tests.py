"""Written tests of one value: `{if: app_version, gte: 2.3.0, as: semver}`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from chalicelib.domain.definitions.rules.operands import (
    VALUE_READERS,
    add_reader,
    read_item,
    read_operand,
    read_relative_time,
    read_time,
)
from chalicelib.domain.definitions.rules.syntax import (
    Json,
    References,
    require_boolean,
    require_choice,
    require_fields,
)
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.readers.times import CLOCK_READERS
from chalicelib.domain.general_form.relations import WRITTEN_ONLY
from chalicelib.domain.spelling import suggest

OPTIONS = ("as", "missing", "unreadable", "list")
SUBJECTS = ("if", "item")
MISSING = (False, True, "unknown", "pass")
UNREADABLE = (False, True, "unknown")
"""What a test may be of an attribute that is missing, or of a value that cannot be read."""
LIST_OPTIONS = ("any", "whole")
RELATIONS_OF_TIMES = ("eq", "lt", "le", "gt", "ge")
"""Those that compare with one time, which may be relative to now."""


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
    "readable": Operator("readable", is_of_list=True),
    "truthy": Operator("truthy", is_of_list=True),
    "logic-truthy": Operator("logic-truthy", is_of_list=True),
    **{
        name: Operator(name)
        for name in (
            *("js-eq", "js-lt", "js-le", "js-gt", "js-ge"),
            *("version-prefix-eq", "version-prefix-lt", "version-prefix-le"),
            *("version-prefix-gt", "version-prefix-ge", "caret", "tilde"),
            *("match-start", "re2", "digest-in", "digest-starts", "digest-ends"),
        )
    },
    "remainder": Operator("remainder"),
    "digest-list": Operator("digest-list", is_of_list=True),
    **{
        f"cast-{name}": Operator(f"cast-{name}", is_of_list=True)
        for name in ("eq", "ne", "lt", "le", "gt", "ge")
    },
}
"""By the name in a rule. docs/rules.md has the table."""
YES_OR_NO: Mapping[str, tuple[str, ...]] = {
    "exists": (),
    "readable": ("as",),
    "truthy": ("as", "missing", "unreadable"),
    "logic-truthy": ("as", "missing", "unreadable"),
}
"""Operators of one value, and their options: ``true`` asks for it, ``false`` for its opposite."""


def translate_test(condition: Mapping[str, Any], path: str, references: References | None = None) -> Json:
    """Tests every element of an attribute that is a list, unless ``list: whole``."""
    name = _find_operator(condition, path)
    operator, value = OPERATORS[name], condition[name]
    operand = _read_subject(condition, path, references)
    if name in YES_OR_NO:
        return _translate_yes_or_no(name, operand, condition, value, path)
    reader = operator.reader(value)
    if "as" in condition:
        reader = require_choice(condition["as"], VALUE_READERS, f"{path}.as")
    test: dict[str, Json] = {"test": operator.relation, "of": _add_reader(operand, reader)}
    test |= _read_right_side(operator, value, reader, f"{path}.{name}", references)
    if _read_list_option(operator, condition, path) == "any":
        test["list"] = "any"
    outcomes = _read_outcomes(condition, path)
    return _check(_negate(test, outcomes) if operator.is_negated else test | outcomes, f"{path}.{name}")


def _find_operator(condition: Mapping[str, Any], path: str) -> str:
    fields = (*SUBJECTS, *OPTIONS)
    operators = [name for name in condition if name in OPERATORS]
    unknown = [name for name in condition if name not in OPERATORS and name not in fields]
    if unknown and not operators:
        hint = suggest(unknown[0], (*OPERATORS, *OPTIONS))
        message = f"unknown operator{hint or '.'} There are {', '.join(OPERATORS)}"
        raise InvalidForm(f"{path}.{unknown[0]}", message)
    require_fields(condition, path, (*fields, *OPERATORS))
    if len(operators) != 1:
        raise InvalidForm(path, f"must have one operator, of {', '.join(OPERATORS)}")
    return operators[0]


def _read_subject(condition: Mapping[str, Any], path: str, references: References | None) -> Json:
    if "item" not in condition:
        return read_operand(condition["if"], f"{path}.if", references)
    return read_item(condition["item"], f"{path}.item")


def _translate_yes_or_no(
    name: str, operand: Json, condition: Mapping[str, Any], value: Json, path: str
) -> Json:
    """``exists`` takes no options; a missing value may be a true or an unknown one to the others."""
    require_boolean(value, f"{path}.{name}")
    for option in OPTIONS:
        if option in condition and option not in YES_OR_NO[name]:
            raise InvalidForm(f"{path}.{option}", f"has no meaning beside {name}; remove it")
    if "as" in condition:
        operand = _add_reader(operand, require_choice(condition["as"], VALUE_READERS, f"{path}.as"))
    test = {"test": name, "of": operand} | _read_outcomes(condition, path)
    return test if value else {"not": test}


def _add_reader(operand: Json, reader: str | None) -> Json:
    return operand if reader is None else add_reader(operand, reader)


def _read_right_side(
    operator: Operator, value: Json, reader: str | None, path: str, references: References | None
) -> Mapping[str, Json]:
    if isinstance(value, dict) and "attribute" in value:
        if operator.relation in WRITTEN_ONLY:
            raise InvalidForm(path, "must be written out: it cannot be an attribute")
        fields = require_fields(value, path, ("attribute",))
        other = read_operand(fields["attribute"], f"{path}.attribute", references)
        return {"with": _add_reader(other, reader)}
    if operator.relation == "in" and not isinstance(value, list):
        raise InvalidForm(path, "must be a list")  # before the reader says that it cannot read it
    if operator.relation in RELATIONS_OF_TIMES and reader in CLOCK_READERS:
        seconds = read_relative_time(value)
        if seconds is not None:
            return {"with": {"now": seconds, "as": reader}}
        if reader == "instant":
            read_time(value, path)
    return {"value": value}


def _read_list_option(operator: Operator, condition: Mapping[str, Any], path: str) -> str:
    usual = "whole" if operator.is_of_list else "any"
    option = require_choice(condition.get("list", usual), LIST_OPTIONS, f"{path}.list")
    if operator.is_of_list and option != usual:
        raise InvalidForm(f"{path}.list", "must be whole: this operator compares the list itself; remove it")
    return option


def _read_outcomes(condition: Mapping[str, Any], path: str) -> dict[str, Json]:
    outcomes: dict[str, Json] = {}
    for name, allowed in (("missing", MISSING), ("unreadable", UNREADABLE)):
        if name in condition:
            value = condition[name]
            if type(value) not in (bool, str) or value not in allowed:
                words = ", ".join(str(each).lower() for each in allowed)
                raise InvalidForm(f"{path}.{name}", f"must be one of {words}")
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
