"""Written conditions as conditions of the general form."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.definitions.rules.attribute_tests import translate_test
from chalicelib.domain.definitions.rules.clock import translate_clock
from chalicelib.domain.definitions.rules.operands import read_operand
from chalicelib.domain.definitions.rules.shards import translate_scheme, translate_share
from chalicelib.domain.definitions.rules.syntax import (
    Json,
    Scope,
    require_boolean,
    require_fields,
    require_key,
    require_list,
    require_one_kind,
)
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.spelling import suggest
from chalicelib.domain.targeting.document import MAX_NESTING

CONDITION_WORDS = ("unknown", "error")
"""Conditions for nobody: one that is neither true nor false, and one that ends the evaluation."""


def translate_condition(condition: Json, path: str, scope: Scope, depth: int = 1) -> Json:
    """Raises InvalidForm with the path of the mistake. A list means that all of it must hold."""
    if depth > MAX_NESTING:
        raise InvalidForm(path, f"is nested more than {MAX_NESTING} conditions deep")
    if isinstance(condition, bool) or condition in CONDITION_WORDS:
        return condition
    if isinstance(condition, list):
        return _join("all", condition, path, scope, depth)
    if not isinstance(condition, dict):
        raise InvalidForm(
            path, "must be a condition: true, false, a list, or an object such as {if: country, in: [DE]}"
        )
    require_one_kind(condition, CONDITIONS, path, "write a list of conditions if all shall hold")
    for field, translate in CONDITIONS.items():
        if field in condition:
            return translate(condition, path, scope, depth)
    hint = next(filter(None, (suggest(name, CONDITIONS) for name in condition)), "")
    raise InvalidForm(path, f"must have one of {', '.join(CONDITIONS)}{hint}")


def _translate_all(condition: Mapping[str, Any], path: str, scope: Scope, depth: int) -> Json:
    parts = require_fields(condition, path, ("all",))["all"]
    return _join("all", parts, f"{path}.all", scope, depth)


def _translate_any(condition: Mapping[str, Any], path: str, scope: Scope, depth: int) -> Json:
    parts = require_fields(condition, path, ("any",))["any"]
    return _join("any", parts, f"{path}.any", scope, depth)


def _join(kind: str, parts: Json, path: str, scope: Scope, depth: int) -> Json:
    if not require_list(parts, path):
        raise InvalidForm(path, "is empty: write true if everybody is meant, or false for nobody")
    forms = [
        translate_condition(part, f"{path}[{index}]", scope, depth + 1) for index, part in enumerate(parts)
    ]
    return forms[0] if len(forms) == 1 else {kind: forms}


def _translate_not(condition: Mapping[str, Any], path: str, scope: Scope, depth: int) -> Json:
    part = require_fields(condition, path, ("not",))["not"]
    return {"not": translate_condition(part, f"{path}.not", scope, depth + 1)}


def _translate_test(condition: Mapping[str, Any], path: str, scope: Scope, _depth: int) -> Json:
    return translate_test(condition, path, scope.references)


def _translate_user(condition: Mapping[str, Any], path: str, _scope: Scope, _depth: int) -> Json:
    """Users by their id, as a request names them."""
    users = require_fields(condition, path, ("user",))["user"]
    names = [users] if isinstance(users, str) else users
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InvalidForm(f"{path}.user", "must be a user's id, or a list of them; quote numbers")
    return {"test": "in", "of": "user", "value": names}


def _translate_segment(condition: Mapping[str, Any], path: str, scope: Scope, _depth: int) -> Json:
    name = require_key(require_fields(condition, path, ("segment",))["segment"], f"{path}.segment")
    scope.references.segments.setdefault(name, f"{path}.segment")
    return {"segment": name}


def _translate_flag(condition: Mapping[str, Any], path: str, scope: Scope, _depth: int) -> Json:
    """Another flag's answer for the same user and context."""
    fields = require_fields(condition, path, ("flag", "variant", "variants", "value", "enabled"))
    key = require_key(fields["flag"], f"{path}.flag")
    scope.references.flags.setdefault(key, f"{path}.flag")
    asked = [name for name in fields if name != "flag"]
    if len(asked) != 1:
        raise InvalidForm(path, "must have one of variant, variants, value, enabled")
    (name,) = asked
    value, of = fields[name], {"flag": key, "get": "id" if name.startswith("variant") else name}
    if name == "enabled":
        require_boolean(value, f"{path}.enabled")
    if name in ("value", "enabled"):
        return {"test": "eq", "of": of, "value": value}
    variants = [value] if name == "variant" else require_list(value, f"{path}.variants")
    for index, variant in enumerate(variants):
        where = f"{path}.variant" if name == "variant" else f"{path}.variants[{index}]"
        if not isinstance(variant, str):
            raise InvalidForm(where, "must be the key of a variant")
        scope.references.flag_variants.append((key, variant, where))
    return {"test": "in", "of": of, "value": variants}


def _translate_some(condition: Mapping[str, Any], path: str, scope: Scope, depth: int) -> Json:
    """Whether a condition holds for an element of a list; its tests have ``item`` in place of ``if``."""
    fields = require_fields(condition, path, ("some", "where"))
    if "where" not in fields:
        raise InvalidForm(f"{path}.where", "required: a condition of each element")
    subject = (
        {"item": []}
        if fields["some"] in ("", [])
        else read_operand(fields["some"], f"{path}.some", scope.references)
    )
    return {"some": subject, "where": translate_condition(fields["where"], f"{path}.where", scope, depth + 1)}


def _translate_clock(condition: Mapping[str, Any], path: str, _scope: Scope, _depth: int) -> Json:
    return translate_clock(require_fields(condition, path, ("clock",))["clock"], f"{path}.clock")


def _translate_share(condition: Mapping[str, Any], path: str, scope: Scope, _depth: int) -> Json:
    return translate_share(condition, path, scope)


def _translate_scheme(condition: Mapping[str, Any], path: str, scope: Scope, _depth: int) -> Json:
    return translate_scheme(condition, path, scope)


CONDITIONS: Mapping[str, Callable[[Mapping[str, Any], str, Scope, int], Json]] = {
    "if": _translate_test,
    "item": _translate_test,
    "user": _translate_user,
    "segment": _translate_segment,
    "flag": _translate_flag,
    "all": _translate_all,
    "any": _translate_any,
    "not": _translate_not,
    "some": _translate_some,
    "clock": _translate_clock,
    "share": _translate_share,
    "scheme": _translate_scheme,
}
"""By the field that says what kind of condition it is."""
