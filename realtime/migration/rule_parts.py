"""Parts of documents and of rules that several importers need."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.bucketing import is_key
from realtime.migration.model import Json, Refused, attribute

USER = {"user": "id"}
"""The user in `if`, whatever the context has as `user_id`."""


def require(value: Json, kind: type | tuple[type, ...], path: str) -> Any:
    """``value`` if it is of that type; a boolean is no number."""
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(_TYPE_NAMES[each] for each in kinds)
        raise Refused(path, f"must be {names}")
    return value


_TYPE_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
}


def read_objects(fields: Mapping[str, Any], name: str, path: str) -> list[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with its path. A list that is absent or null is empty."""
    listed = fields.get(name)
    if listed is None:
        return []
    places = [(f"{path}.{name}[{i}]", each) for i, each in enumerate(require(listed, list, f"{path}.{name}"))]
    return [(where, require(each, dict, where)) for where, each in places]


def find_objects(fields: Any, name: str) -> list[dict[str, Any]]:
    """The objects of a list, as far as there is one: what is malformed is refused where it is translated."""
    listed = fields.get(name) if isinstance(fields, dict) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def write_variants(values: Mapping[str, Json]) -> dict[str, Json]:
    """The field ``variants`` of a flag whose variants are told by their keys."""
    return {key: {"value": value} if isinstance(value, dict) else value for key, value in values.items()}


def make_rule(rule_id: str, when: Json, answer: Json, **others: Json) -> dict[str, Json]:
    return {"id": rule_id, **({} if when is True else {"when": when}), **others, "serve": answer}


def name_rules(rules: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
    """With ids that are there once. A rule that never holds is left out."""
    seen: dict[str, int] = {}
    named = []
    for rule in rules:
        if rule.get("when") is False:
            continue
        number = seen[rule["id"]] = seen.get(rule["id"], 0) + 1
        named.append(rule if number == 1 else {**rule, "id": f"{rule['id']} ({number})"})
    return named


def name_value(value: Json) -> str:
    """What people may call a variant that has nothing but a value."""
    if isinstance(value, bool):
        return "on" if value else "off"
    text = str(value) if isinstance(value, (str, int, float)) else ""
    return text if is_key(text) and len(text) <= 40 else "value"


def read_variant(served: Json) -> str:
    """Of what `serve` has made."""
    return str(served["variant"] if isinstance(served, dict) else served)


def unit_of(name: str) -> Json:
    """An attribute as `unit` or `if` names it. In a unit `user_id` alone would be the user."""
    return {"attribute": name} if name == "user_id" else attribute(name)
