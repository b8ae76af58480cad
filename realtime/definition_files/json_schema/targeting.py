"""The JSON Schema of ``targeting_rules``, which may have fields that nobody knows, as on the platform."""

from collections.abc import Mapping, Sequence

from chalicelib.domain.targeting.document import MAX_RULES
from chalicelib.domain.targeting.operators_v1 import BUILDERS
from chalicelib.domain.targeting.schema import ATTRIBUTE_TYPES, OPERAND_TYPES
from realtime.definition_files.json_schema.parts import (
    ANYTHING,
    KEY,
    NULL,
    PERCENT_TEXT,
    TEXT,
    Schema,
    any_of,
    describe,
    list_of,
    match,
    refer_to,
)

_OF_LISTS = [name for name, (is_valid, _) in OPERAND_TYPES.items() if is_valid([])]
"""Operators whose value is a list."""
_NOTE = any_of(TEXT, NULL)


def make_definitions() -> dict[str, Schema]:
    return {
        "targeting_rules": describe("Whom it is for, as the platform writes it.", _make_document()),
        "targeting_rule": describe("A rule: a group of conditions, and its rollout.", _make_rule()),
        "targeting_group": describe("Conditions and groups, joined by an operator.", _make_group()),
        "targeting_condition": describe("A test of one attribute.", _make_condition()),
    }


def _make_open_object(required: Mapping[str, Schema], optional: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _make_document() -> Schema:
    rule = refer_to("targeting_rule")
    return _make_open_object(
        {},
        {
            "version": describe(
                "The version of the operators, as text.", {**TEXT, "examples": ["1.0", "2.0"]}
            ),
            "rules": describe("Rules of which one must match.", list_of(rule, maxItems=MAX_RULES)),
            "default_rule": describe("The rule for users whom no other rule matches.", any_of(rule, NULL)),
        },
    )


def _make_rule() -> Schema:
    integer = match(r"[+-]?[0-9]{1,19}", "must be an integer")
    percentage = any_of({"type": "integer", "minimum": 0, "maximum": 100}, PERCENT_TEXT, integer)
    share = any_of({"type": "number", "minimum": 0, "maximum": 1}, PERCENT_TEXT)
    return _make_open_object(
        {
            "id": describe("The rule's id, which version 2.0 hashes.", TEXT),
            "rule": describe("Whom the rule matches; {} is everybody.", refer_to("targeting_group")),
        },
        {
            "name": describe("What people call the rule.", _NOTE),
            "description": describe("What people should know about the rule.", _NOTE),
            "rollout_percentage": describe("The percentage of users whom the rule lets in.", percentage),
            "priority": describe(
                "Rules with a lower number are asked first.", any_of({"type": "integer"}, integer)
            ),
            "variant": describe("Of a flag: the variant that the rule serves.", ANYTHING),
            "allocation": describe(
                "Of a flag: variants and their shares, which sum to 1.",
                {"type": "object", "propertyNames": KEY, "additionalProperties": share},
            ),
        },
    )


def _make_group() -> Schema:
    groups = list_of(refer_to("targeting_group"))
    return _make_open_object(
        {},
        {
            "operator": describe("How the parts are joined.", {"enum": ["and", "or", "not"]}),
            "conditions": describe("Tests of attributes.", list_of(refer_to("targeting_condition"))),
            "groups": describe("Groups within the group.", any_of(groups, NULL)),
        },
    )


def _make_condition() -> Schema:
    attribute = match(r"[^!-\-/:-@\[-^`{-~\s]+", "must be letters, digits, `_` and `.`")
    condition = _make_open_object(
        {
            "attribute": describe("The attribute that is tested.", {**attribute, "maxLength": 100}),
            "operator": describe("How the attribute is compared.", {"enum": sorted(BUILDERS)}),
            "value": describe("What the attribute is compared with.", ANYTHING),
        },
        {
            "additional_value": describe("A second value, for operators that need one.", ANYTHING),
            "attribute_type": describe(
                "The type of the attribute, as a note.", {"enum": [*ATTRIBUTE_TYPES, None]}
            ),
            "validation_schema": describe(
                "A schema of the attribute, as a note.", {"type": ["object", "null"]}
            ),
        },
    )
    lists = _if_operator(_OF_LISTS, {"properties": {"value": {"type": "array"}}})
    upper_bound = {"required": ["additional_value"], "properties": {"additional_value": {"not": NULL}}}
    return condition | {"allOf": [lists, _if_operator(["between"], upper_bound)]}


def _if_operator(names: Sequence[str], then: Schema) -> Schema:
    return {"if": {"properties": {"operator": {"enum": names}}, "required": ["operator"]}, "then": then}
