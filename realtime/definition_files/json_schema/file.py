"""The JSON Schema (draft 2020-12) of a definition file, with which editors complete and check it.

Fields come from the models that check definitions. What a model cannot say, such as the grammar of rules, is
added here; closed sets of words come from where the code has them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import core_schema

from chalicelib.domain.definitions import schema as models
from chalicelib.domain.definitions.analysis_schema import MetricDocument
from chalicelib.domain.definitions.consistency import NEVER_EMPTY
from chalicelib.domain.definitions.percent import (
    read_percentage,
    read_rule_percentages,
    read_share,
    read_weight,
)
from realtime.definition_files.json_schema import rules, targeting
from realtime.definition_files.json_schema.descriptions import DESCRIPTIONS
from realtime.definition_files.json_schema.parts import (
    ANYTHING,
    KEY,
    NULL,
    PERCENT_TEXT,
    TEXT,
    TIME,
    WEIGHT_TEXT,
    Schema,
    any_of,
    describe,
    list_of,
    make_object,
    refer_to,
)

MODELS: Mapping[str, type[BaseModel]] = {
    "experiments": models.ExperimentDocument,
    "flags": models.FlagDocument,
    "segments": models.SegmentDocument,
    "metrics": MetricDocument,
}
"""By the list of a file that holds them."""
_GRAMMAR = "grammar"
"""Marks, while pydantic works, where it shall refer to a definition that it does not know."""
_READ_BEFORE: Mapping[Callable[..., Any], Callable[[Schema], Schema]] = {
    read_share: lambda number: any_of(number, PERCENT_TEXT),
    read_percentage: lambda number: any_of(number, PERCENT_TEXT),
    read_weight: lambda number: any_of(number, WEIGHT_TEXT),
    read_rule_percentages: lambda _rules: any_of({_GRAMMAR: "targeting_rules"}, NULL),
}
"""What fields accept whose values are read before they are checked."""
_WRITTEN = {"when": "condition", "unit": "unit", "default": "default", "share": "percentage"}
_WRITTEN_ITEMS = {"gates": "gate", "rules": "rule"}
"""Fields that hold any JSON in their model, and what is written there."""


class _Generator(GenerateJsonSchema):
    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> Schema:
        function: Any = schema["function"]["function"]
        made = super().function_before_schema(schema)
        return _READ_BEFORE[function](made) if function in _READ_BEFORE else made

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> Schema:  # noqa: ARG002
        return dict(TIME)

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def make_schema() -> Schema:
    modes: list[Any] = [(model, "validation") for model in MODELS.values()]
    _, made = models_json_schema(modes, ref_template="#/$defs/{model}", schema_generator=_Generator)
    definitions = {
        _shorten(name): _finish_model(_shorten(name), model)
        for name, model in made["$defs"].items()
        if name != "JsonValue"
    }
    _add_short_forms(definitions)
    lists = {
        name: describe(f"The {name} of this file.", list_of(refer_to(_shorten(model.__name__))))
        for name, model in MODELS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "realtime definitions",
        "type": "object",
        "properties": {"$schema": describe("Where editors find this schema.", TEXT), **lists},
        "patternProperties": {"^x-": describe("A place for YAML anchors.", ANYTHING)},
        "additionalProperties": False,
        "$defs": {**definitions, **rules.make_definitions(), **targeting.make_definitions()},
    }


def _shorten(name: str) -> str:
    return name.removesuffix("Document")


def _finish_model(name: str, model: Schema) -> Schema:
    model = _resolve({key: value for key, value in model.items() if key != "title"})
    if "description" in model:
        model["description"] = model["description"].partition("\n\n")[0].replace("``", "`")
    model["properties"] = {
        field: _finish_field(name, field, schema) for field, schema in model["properties"].items()
    }
    return model


def _resolve(schema: Any) -> Any:
    """References with short names, and those to the grammar."""
    if isinstance(schema, list):
        return [_resolve(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if _GRAMMAR in schema:
        return refer_to(schema[_GRAMMAR])
    rest = {key: _resolve(value) for key, value in schema.items() if key != "$ref"}
    reference = schema.get("$ref", "").removeprefix("#/$defs/")
    return rest if reference in ("", "JsonValue") else {**refer_to(_shorten(reference)), **rest}


def _finish_field(model: str, name: str, schema: Schema) -> Schema:
    description = DESCRIPTIONS.get(f"{model}.{name}", DESCRIPTIONS.get(name))
    default = schema.pop("default", "")
    if not schema and name in _WRITTEN:
        written = refer_to(_WRITTEN[name])
        schema = any_of(written, NULL) if default is None else written
    if name in _WRITTEN_ITEMS:
        schema = _replace_items(schema, refer_to(_WRITTEN_ITEMS[name]))
    if name in NEVER_EMPTY and NULL in schema.get("anyOf", ()):
        others = [each for each in schema["anyOf"] if each != NULL]
        schema = any_of(*others) if len(others) > 1 else others[0]
    is_telling = default not in ("", None, [], {})
    return {
        **({"description": description} if description else {}),
        **schema,
        **({"default": default} if is_telling else {}),
    }


def _replace_items(schema: Schema, items: Schema) -> Schema:
    """``items`` in a list of anything, which may be null in place of it."""
    if "anyOf" in schema:
        return any_of(*(_replace_items(each, items) for each in schema["anyOf"]))
    return schema | {"items": items} if schema.get("items") == ANYTHING else schema


def _add_short_forms(definitions: dict[str, Schema]) -> None:
    """What the models' validators read before the fields are checked."""
    flag, experiment = definitions["Flag"], definitions["Experiment"]
    ratio = {"required": ["numerator", "denominator"]}
    definitions["Metric"] |= any_of({"required": ["event"]}, ratio)
    flag["required"].remove("type")
    flag["anyOf"] = [{"required": [name]} for name in ("type", "rules", "variants")]
    has_rules = {"required": ["rules"]}
    others = dict.fromkeys(models.SHORT_FORM, False)
    flag |= {"if": has_rules, "then": {"properties": others}, "dependentRequired": {"default": ["rules"]}}
    fields = _leave_out_key(definitions["FlagVariant"])
    fields["required"] = ["value"]
    only_fields = {"propertyNames": {"enum": [*fields["properties"], "key"]}}
    are_fields = {"type": "object", "minProperties": 1, **any_of({"required": ["value"]}, only_fields)}
    description = "Its value, or its value, name and weight as fields."
    _add_mapping(flag, describe(description, {"if": are_fields, "then": fields}))
    fields = _leave_out_key(definitions["Variant"])
    weights = (each for each in fields["properties"]["weight"]["anyOf"] if each != NULL)
    _add_mapping(experiment, describe("Its weight, or its fields.", any_of(*weights, fields)))


def _leave_out_key(variant: Schema) -> Schema:
    return make_object({}, {name: field for name, field in variant["properties"].items() if name != "key"})


def _add_mapping(definition: Schema, variant: Schema) -> None:
    """Variants by their key, in place of a list."""
    variants = definition["properties"]["variants"]
    description = variants.pop("description")
    by_key = {"type": "object", "propertyNames": KEY, "additionalProperties": variant}
    if "minItems" in variants:
        by_key["minProperties"] = variants["minItems"]
    definition["properties"]["variants"] = describe(description, any_of(variants, by_key))
