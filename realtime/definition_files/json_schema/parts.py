"""Parts that the JSON Schema of definition files uses in many places: attributes, units, times, shares."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.domain.bucketing import KEY_PATTERN
from chalicelib.domain.definitions.rules import operands, units
from chalicelib.domain.definitions.rules.operands import MAX_ATTRIBUTE
from chalicelib.domain.definitions.rules.shards import SCHEME_UNIT_FIELDS, UNIT_FIELDS

Schema = dict[str, Any]
ANYTHING: Schema = {}
NULL: Schema = {"type": "null"}
BOOLEAN: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
TEXT: Schema = {"type": "string"}


def refer_to(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def describe(description: str, schema: Schema) -> Schema:
    """Editors show ``description`` when the mouse is over the field."""
    return {"description": description, **schema}


def any_of(*schemas: Schema) -> Schema:
    return {"anyOf": list(schemas)}


def list_of(items: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


def match(pattern: str, message: str) -> Schema:
    """``message`` is shown by editors that know VS Code's ``patternErrorMessage``."""
    return {"type": "string", "pattern": f"^(?:{pattern})$", "patternErrorMessage": message}


def make_object(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with no other fields. Editors show ``title`` for it among alternatives."""
    title = {"title": f"{{{', '.join(required)}}}"} if required else {}
    return {
        **title,
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def make_pairs(items: Schema) -> Schema:
    """Ranges: a list of pairs, from and to."""
    return list_of(list_of(items, minItems=2, maxItems=2))


KEY = refer_to("key")

_DAY, _OFFSET = "[0-9]{4}-[0-9]{2}-[0-9]{2}", "(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
_EXAMPLE = "2026-01-31T09:00:00Z"
TIME = match(
    rf"{_DAY}[Tt][0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?:\.[0-9]+)?{_OFFSET}",
    f"must be a date-time with an offset, such as {_EXAMPLE}",
)
RELATIVE_TIME = match(
    r"now(?:\s*[+-]\s*[0-9]{1,6}\s*[smhdw])?", "must be now, or a time after or before it, such as now - 7d"
)

_NUMBER = r"\+?0*(?:100(?:\.0*)?|[0-9]{1,2}(?:\.[0-9]*)?|\.[0-9]+)"
PERCENT_TEXT = match(rf"\s*{_NUMBER}\s*%\s*", "must be a percentage from 0% to 100%, such as 20%")
WEIGHT_TEXT = match(r"\s*\+?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*%\s*", "must be a percentage, such as 20%")
PERCENTAGE = any_of({"type": "number", "minimum": 0, "maximum": 100}, PERCENT_TEXT)

_STEP = r"(?:\\.|[^.\\])+"
_ATTRIBUTE_TEXT = match(rf"{_STEP}(?:\.{_STEP})*", r"has an empty step between dots; write \. for a dot")
ATTRIBUTE = any_of(
    {**_ATTRIBUTE_TEXT, "maxLength": MAX_ATTRIBUTE},
    list_of({"type": "string", "minLength": 1}, minItems=1),
)
MISSING_UNIT = any_of(
    {"enum": list(units.MISSING_UNIT)},
    make_object(
        {"bucket": describe("A number of the scheme, in which everybody without a unit is.", NUMBER)}
    ),
)

_ITEM = any_of(refer_to("attribute"), {"enum": ["", []]})


def _list_operands() -> Iterator[Schema]:
    """The objects that say how a value is made, one for each kind."""
    operand, reader = refer_to("operand"), {"as": describe("How it is read.", refer_to("reader"))}
    several = list_of(operand, minItems=1)
    meanings: dict[str, tuple[str, Schema]] = {
        "attribute": ("An attribute; with as, how it is read.", operand),
        "item": ("The element of a list that some looks at, or an attribute of it.", _ITEM),
        "user": ("The user's id, as the request names it.", {"const": "id"}),
        "clock": ("The time of the server.", {"const": "now"}),
        "first": ("The first of these that is there and can be read.", several),
        "cat": ("Their texts, one after the other; one that is missing is empty.", several),
        "join": ("Their texts, one after the other; missing if one of them is.", several),
        "list": ("A list of them.", several),
        "length": ("How many characters or elements it has.", operand),
        "lower": ("It in lower case.", operand),
        "const": ("This value.", ANYTHING),
    }
    for kind, (meaning, value) in meanings.items():
        yield make_object({kind: describe(meaning, value)}, reader)
    answer = {
        "get": describe("Its value if absent.", {"enum": list(operands.FLAG_ANSWERS)}),
        "path": describe("Where in the value, a name for each level.", list_of(TEXT, minItems=1)),
    }
    yield make_object({"flag": describe("The flag whose answer it is.", KEY)}, reader | answer)


_UNITS = any_of(
    {**_ATTRIBUTE_TEXT, "maxLength": MAX_ATTRIBUTE},
    list_of(refer_to("operand"), minItems=1),
    refer_to("made_value"),
)
_MISSING = describe("What happens to users who have no unit.", refer_to("missing_unit"))
UNIT = any_of(
    *_UNITS["anyOf"],
    make_object(
        {"of": describe("An attribute, or a list of which the first that is there counts.", _UNITS)},
        {"missing": _MISSING},
    ),
)
_UNIT_PROPERTIES = {
    "unit": describe("What users are divided by, if not by the definition's unit.", refer_to("unit")),
    "as": describe("How the unit is read.", {"enum": list(units.UNIT_READERS)}),
    "missing": _MISSING,
}


def _refer_to_unit(fields: Iterable[str]) -> Schema:
    return {name: refer_to(f"shard_{name}") if name in _UNIT_PROPERTIES else ANYTHING for name in fields}


UNIT_PROPERTIES = _refer_to_unit(UNIT_FIELDS)
SCHEME_UNIT_PROPERTIES = _refer_to_unit(SCHEME_UNIT_FIELDS)

DEFINITIONS = {
    "key": match(KEY_PATTERN, "must be 1 to 128 of A-Z a-z 0-9 . _ -"),
    "reader": {"enum": list(operands.VALUE_READERS)},
    **{f"shard_{name}": schema for name, schema in _UNIT_PROPERTIES.items()},
    "attribute": describe(
        "An attribute of the context: its name, or a path such as account.id or [account, id].", ATTRIBUTE
    ),
    "operand": describe(
        "What is tested or hashed: an attribute, or an object that says how the value is made.",
        any_of(refer_to("attribute"), refer_to("made_value")),
    ),
    "made_value": describe("How a value is made.", any_of(*_list_operands())),
    "unit": describe("What users are divided by: user_id, an attribute, or a list of them.", UNIT),
    "missing_unit": describe("What happens to users who have no unit.", MISSING_UNIT),
    "percentage": describe("A percentage, such as 20% or 20.", PERCENTAGE),
    "time": describe(f"A date-time with an offset, such as {_EXAMPLE}.", TIME),
}
