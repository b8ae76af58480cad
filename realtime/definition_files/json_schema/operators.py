"""The JSON Schema of a test of one value, such as ``{if: country, in: [DE, AT]}``, for each operator."""

from collections.abc import Iterable, Iterator

from chalicelib.domain.definitions.rules.attribute_tests import (
    LIST_OPTIONS,
    MISSING,
    OPERATORS,
    OPTIONS,
    SUBJECTS,
    UNREADABLE,
    YES_OR_NO,
    Operator,
)
from chalicelib.domain.general_form.relations import LISTS, WRITTEN_ONLY
from realtime.definition_files.json_schema.parts import (
    ANYTHING,
    BOOLEAN,
    RELATIVE_TIME,
    TEXT,
    Schema,
    any_of,
    describe,
    list_of,
    make_object,
    refer_to,
)

_MEANINGS = {
    "eq": "The value that it must equal.",
    "neq": "The value that it must not equal.",
    "in": "The values of which it must be one.",
    "not_in": "The values of which it must be none.",
    "gt": "It must be greater than this.",
    "gte": "It must be at least this.",
    "lt": "It must be less than this.",
    "lte": "It must be at most this.",
    "between": "The lowest and the highest value that it may have.",
    "before": "It must be before this time, such as 2026-01-31T09:00:00Z or now - 7d.",
    "after": "It must be after this time, such as 2026-01-31T09:00:00Z or now - 7d.",
    "starts_with": "The text that it must begin with.",
    "ends_with": "The text that it must end with.",
    "contains": "The text that it must contain.",
    "not_contains": "The text that it must not contain.",
    "matches": "The regular expression that it must match.",
    "not_matches": "The regular expression that it must not match.",
    "cidr": "The networks of which one must contain it, such as 10.0.0.0/8.",
    "not_cidr": "The networks of which none may contain it, such as 10.0.0.0/8.",
    "modulo": "The divisor, and the remainder that it must leave.",
    "contains_any": "The values of which the list must contain one.",
    "contains_all": "The values that the list must all contain.",
    "subset_of": "The values of which each element of the list must be one.",
    "exists": "Whether the attribute must be there.",
    "readable": "Whether the reader of as must be able to read it.",
    "truthy": "Whether JavaScript takes it for true.",
    "logic-truthy": "Whether JSON Logic takes it for true.",
    "js-eq": "The value that it must equal as JavaScript's == has it.",
    "re2": "The regular expression, in RE2's own dialect, that must be found in it.",
    "match-start": "The regular expression that must be found at its beginning.",
}
"""By operator; one that is not here is described by its name."""
_PAIR = list_of(ANYTHING, minItems=2, maxItems=2)
_ORDERED: Schema = {"type": ["number", "string"]}
_USUAL_VALUES: dict[str, Schema] = {
    **dict.fromkeys(("starts", "ends", "contains"), TEXT),
    **dict.fromkeys(("lt", "le", "gt", "ge"), _ORDERED),
}
"""By relation, unless ``as`` says how values are read."""
_OPTION_PROPERTIES = {
    "as": describe("How the value is read before it is compared.", refer_to("reader")),
    "missing": describe("What the test means if the attribute is missing.", {"enum": list(MISSING)}),
    "unreadable": describe("What the test means if the value cannot be read.", {"enum": list(UNREADABLE)}),
    "list": describe(
        "Of an attribute that is a list: any tests each element, whole the list itself.",
        {"enum": list(LIST_OPTIONS)},
    ),
}
_SUBJECT_PROPERTIES = {
    "if": describe("The attribute that is tested.", refer_to("operand")),
    "item": describe(
        'In where: the field of the element that is tested; "" is the element itself.',
        any_of(refer_to("attribute"), {"enum": ["", []]}),
    ),
}


def make_definitions() -> dict[str, Schema]:
    return {
        "test": _make_test(),
        "attribute_value": describe(
            "The value of another attribute of the same user.",
            make_object({"attribute": describe("The attribute to compare with.", refer_to("operand"))}),
        ),
    }


def _make_test() -> Schema:
    """One object: what an operator wants of its value and its options is looked at only where it is named.

    An alternative for each operator would say the same, but a validator has to try them one by one.
    """
    values = {
        name: describe(_MEANINGS.get(name, f"What {name} compares with."), _make_value(operator))
        for name, operator in OPERATORS.items()
    }
    test = make_object({}, _SUBJECT_PROPERTIES | values | _OPTION_PROPERTIES)
    limits = [limit for name, operator in OPERATORS.items() for limit in _list_limits(name, operator)]
    return describe(
        "A test of one attribute or element.",
        test | {"allOf": [_require_one(SUBJECTS), _require_one(OPERATORS), *limits]},
    )


def _require_one(names: Iterable[str]) -> Schema:
    return {"oneOf": [{"required": [name]} for name in names]}


def _list_limits(name: str, operator: Operator) -> Iterator[Schema]:
    """What goes with an operator only."""
    if name in YES_OR_NO:
        others = set(OPTIONS) - set(YES_OR_NO[name])
        yield {"if": {"required": [name]}, "then": {"properties": dict.fromkeys(sorted(others), False)}}
    elif operator.is_of_list:
        yield {"if": {"required": [name]}, "then": {"properties": {"list": {"const": "whole"}}}}
    is_instant = operator.reader("") == "instant"
    usual = _TIME if is_instant else _USUAL_VALUES.get(operator.relation)
    if usual is not None:
        reader: Schema | bool = {"const": "instant"} if is_instant else False
        value = any_of(usual, refer_to("attribute_value"))
        yield {
            "if": {"required": [name], "properties": {"as": reader}},
            "then": {"properties": {name: value}},
        }


_TIME = any_of(refer_to("time"), RELATIVE_TIME)


def _make_value(operator: Operator) -> Schema:
    """A constant, or ``{attribute: …}`` unless it must be written out."""
    relation = operator.relation
    if relation in YES_OR_NO:
        return BOOLEAN
    if relation in WRITTEN_ONLY:
        return {"not": _ATTRIBUTE_VALUE}
    if relation in LISTS:
        constant = _PAIR if relation == "between" else list_of(ANYTHING)
        return any_of(constant, refer_to("attribute_value"))
    return {"if": _ATTRIBUTE_VALUE, "then": refer_to("attribute_value")}


_ATTRIBUTE_VALUE: Schema = {"type": "object", "required": ["attribute"]}
