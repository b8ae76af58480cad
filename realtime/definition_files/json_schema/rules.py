"""The JSON Schema of written rules: conditions, gates, shards, and what is served."""

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.definitions.rules.conditions import CONDITION_WORDS
from chalicelib.domain.definitions.rules.rules import MAX_RULES, RULE_FIELDS, WORDS
from chalicelib.domain.definitions.rules.shards import list_unit_readers
from chalicelib.domain.definitions.rules.splits import MAX_WEIGHT
from chalicelib.domain.general_form.relations.weekly import DAYS
from chalicelib.domain.general_form.schemes import PARAMETERS, SCHEMES
from realtime.definition_files.json_schema import operators, parts
from realtime.definition_files.json_schema.parts import (
    ANYTHING,
    BOOLEAN,
    KEY,
    NUMBER,
    SCHEME_UNIT_PROPERTIES,
    TEXT,
    UNIT_PROPERTIES,
    Schema,
    any_of,
    describe,
    list_of,
    make_object,
    make_pairs,
    match,
    refer_to,
)

_CONDITION, _PERCENTAGE, _TIME = refer_to("condition"), refer_to("percentage"), refer_to("time")
_SERVE, _RULES = refer_to("serve"), list_of(refer_to("rule"), maxItems=MAX_RULES)
_PLACES = describe("Places under the scheme, as pairs of numbers, from and to.", make_pairs(NUMBER))


def make_definitions() -> dict[str, Schema]:
    """By the names that they refer to one another with."""
    return {
        **parts.DEFINITIONS,
        **operators.make_definitions(),
        "condition": describe(
            "Whom it describes: true, false, a list of which all must hold, or a condition.",
            any_of(
                BOOLEAN,
                {"enum": list(CONDITION_WORDS)},
                list_of(_CONDITION, minItems=1),
                refer_to("test"),
                *_list_conditions(),
            ),
        ),
        "gate": describe(
            "Whom the rule lets in: traffic, a layer, a holdout, or any condition.",
            any_of(*_list_gates(), _CONDITION),
        ),
        "clock": describe("Times on the server's clock.", _make_clock()),
        "shard": describe(
            "A hash of the unit, as another platform computes it.", any_of(*map(_make_shard, SCHEMES))
        ),
        "rule": describe("Whom it is for, and what it serves.", _make_rule()),
        "serve": describe(
            "A variant, a split, another definition's answer, or one of the words.",
            any_of({"enum": [*WORDS, "split"]}, KEY, *_list_serves()),
        ),
        "default": describe(
            "What is served if no rule decides: a variant or none.",
            any_of({"enum": ["none"]}, KEY, make_object({"variant": describe("The variant's key.", KEY)})),
        ),
    }


def _list_conditions() -> Iterator[Schema]:
    conditions = list_of(_CONDITION, minItems=1)
    users = any_of(TEXT, list_of(TEXT, minItems=1))
    yield make_object({"all": describe("Conditions that must all hold.", conditions)})
    yield make_object({"any": describe("Conditions of which one must hold.", conditions)})
    yield make_object({"not": describe("A condition that must not hold.", _CONDITION)})
    yield make_object({"user": describe("The ids of users.", users)})
    yield make_object({"segment": describe("The key of a segment that the user must be in.", KEY)})
    flag = {"flag": describe("The key of a flag whose answer is tested.", KEY)}
    yield make_object(flag | {"variant": describe("The variant that it must answer.", TEXT)})
    yield make_object(flag | {"variants": describe("Variants of which it must answer one.", list_of(TEXT))})
    yield make_object(flag | {"value": describe("The value that it must answer.", ANYTHING)})
    yield make_object(flag | {"enabled": describe("Whether the user must be inside of it.", BOOLEAN)})
    yield make_object(
        {
            "some": describe("An attribute that is a list.", any_of(refer_to("operand"), {"enum": ["", []]})),
            "where": describe("What must hold for one of its elements, tested with item.", _CONDITION),
        }
    )
    yield make_object({"clock": describe("When it holds, on the server's clock.", refer_to("clock"))})
    yield make_object(
        {
            "share": describe("The share of users whom it describes.", _PERCENTAGE),
            "salt": describe("Equal salts choose the same users.", KEY),
        },
        UNIT_PROPERTIES,
    )
    for scheme in SCHEMES:
        yield _make_shard_condition(scheme)


def _make_clock() -> Schema:
    time = match("(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00", 'must be a time between quotes, such as "22:00"')
    fields = {
        "after": describe("From this time on.", _TIME),
        "before": describe("Before this time.", _TIME),
        "days": describe("The days of the week.", list_of({"enum": list(DAYS)}, minItems=1)),
        "from": describe('The time of the day at which it begins, such as "09:00".', time),
        "until": describe("The time of the day at which it ends; one before from is of the next day.", time),
        "timezone": describe("The IANA time zone of days and times, such as Europe/Berlin; else UTC.", TEXT),
    }
    return {**make_object({}, fields), "minProperties": 1}


def _list_gates() -> Iterator[Schema]:
    ramp = {
        "from": describe("The percentage at the start.", _PERCENTAGE),
        "to": describe("The percentage at the end.", _PERCENTAGE),
        "start": describe("When it begins to change.", _TIME),
        "end": describe("When it has changed.", _TIME),
    }
    traffic = any_of(*parts.PERCENTAGE["anyOf"], make_object(ramp))
    share = describe("The share of users who are held out.", _PERCENTAGE)
    ranges = describe("What this definition owns of the layer, such as [[0%, 50%]].", make_pairs(_PERCENTAGE))
    yield make_object(
        {"traffic": describe("The share of users who pass; or one that grows with time.", traffic)},
        UNIT_PROPERTIES,
    )
    yield make_object({"layer": describe("The layer's key.", KEY), "ranges": ranges}, UNIT_PROPERTIES)
    yield make_object({"holdout": describe("The holdout's key.", KEY), "share": share}, UNIT_PROPERTIES)


def _make_shard(scheme: str) -> Schema:
    entry = SCHEMES[scheme]
    unit = dict(SCHEME_UNIT_PROPERTIES)
    required = {name: unit.pop(name) for name in sorted(unit.keys() & entry.required)}
    if required:
        required["as"] = describe("How the unit is read.", {"enum": list(list_unit_readers(scheme))})
    return make_object(
        {
            "scheme": describe("How users are hashed.", {"const": scheme}),
            **{name: _make_parameter(name) for name in PARAMETERS if name in entry.required},
            **required,
        },
        {name: _make_parameter(name) for name in PARAMETERS if name in entry.optional} | unit,
    )


def _make_parameter(name: str) -> Schema:
    """Its type by trying; PARAMETERS knows no more about it than a rule in words."""
    is_valid, rule = PARAMETERS[name]
    samples: dict[str, tuple[Any, ...]] = {
        "string": ("text", "first"),
        "integer": (1,),
        "boolean": (True,),
        "array": ([],),
    }
    types = [kind for kind, values in samples.items() if any(map(is_valid, values))]
    return {"description": f"A parameter of the scheme: it {rule}.", **({"type": types} if types else {})}


def _make_shard_condition(scheme: str) -> Schema:
    """Either ``ranges`` or ``below``."""
    condition = _make_shard(scheme)
    condition["properties"] |= {
        "ranges": _PLACES,
        "below": describe("The place below which users must be.", NUMBER),
        "closed": describe("Whether the end of each range belongs to it.", BOOLEAN),
    }
    return condition | {"oneOf": [{"required": ["ranges"]}, {"required": ["below"]}]}


def _make_rule() -> Schema:
    properties = {
        "id": describe("A name for this rule, which no other rule has.", {"type": "string", "minLength": 1}),
        "description": describe("What people should know about the rule.", TEXT),
        "when": describe("Whom the rule is for; without it, everybody.", _CONDITION),
        "gates": describe("Whom the rule lets in, of those whom it is for.", list_of(refer_to("gate"))),
        "unit": describe("What users are divided by, if not by the definition's unit.", refer_to("unit")),
        "serve": describe("What those who pass all gates get.", _SERVE),
        "else": describe("What those get whom a gate stops.", _SERVE),
    }
    known = {name: properties.get(name, ANYTHING) for name in RULE_FIELDS}
    return make_object({"serve": known.pop("serve")}, known)


def _list_serves() -> Iterator[Schema]:
    weight = any_of(
        {"type": "number", "minimum": 0, "exclusiveMaximum": MAX_WEIGHT},
        match(r"\s*\+?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*%?\s*", "must be a weight"),
    )
    weights = {"type": "object", "minProperties": 1, "propertyNames": KEY, "additionalProperties": weight}
    serve = {"serve": describe("What users in this part get.", _SERVE)}
    arms = any_of(
        make_object({"ranges": _PLACES, **serve}),
        make_object({"to": describe("The part from the one before up to this place.", NUMBER), **serve}),
        make_object({"rest": describe("The part from the one before to the end.", {"const": True}), **serve}),
    )
    yield make_object(
        {"variant": describe("The variant's key.", KEY)},
        {"enabled": describe("Whether callers are told that the user is inside.", BOOLEAN)},
    )
    yield make_object({"split": describe("Variants and their relative weights.", weights)})
    yield make_object(
        {"split": describe("Parts of the users, each with what it gets.", list_of(arms))},
        {"of": describe("The shard that users are divided by.", refer_to("shard"))},
    )
    yield make_object({"rules": describe("Rules of which the first that decides counts.", _RULES)})
    yield make_object({"flag": describe("The key of a flag whose answer is served.", KEY)})
    yield make_object({"experiment": describe("The key of an experiment whose variant is served.", KEY)})
