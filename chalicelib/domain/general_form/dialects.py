"""The operators of targeting rules, versions 1.0 and 2.0, as tests of the general form.

``{"test": "realtime-2.0/gte", "attribute": …, "value": …, "additional_value"?, "salt"?, "path"?}``. They
read null and absent attributes in their own way, so they have no ``missing``. ``path`` is where the author
wrote the condition; it decides nothing.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.general_form.compiled import FALSE, Compiled, compile_text_in
from chalicelib.domain.general_form.problems import InvalidForm, require_object
from chalicelib.domain.general_form.sized_values import check_time_before, is_sized
from chalicelib.domain.general_form.state import Context, State
from chalicelib.domain.targeting import operators_v1, operators_v2, semver
from chalicelib.domain.targeting.attributes import follow_path
from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import ERRORS, Test, never

DIALECTS = {"realtime-1.0": operators_v1, "realtime-2.0": operators_v2}
_CLOCK_OPERATORS = frozenset({"time_window"})
"""Operators that read the server's clock."""
_MISSING = object()


def compile_dialect_test(fields: Mapping[str, Any], path: str) -> Compiled:
    require_object(fields, path, ("test", "attribute", "value"), ("additional_value", "salt", "path"))
    dialect, _, operator = fields["test"].partition("/")
    attribute = fields["attribute"]
    if dialect not in DIALECTS or operator not in operators_v1.BUILDERS or not isinstance(attribute, str):
        raise InvalidForm(f"{path}.test", "must be realtime-1.0/OPERATOR or realtime-2.0/OPERATOR")
    condition = Condition(path, attribute, operator, fields["value"], fields.get("additional_value"))
    steps = attribute.split(".") if dialect == "realtime-2.0" and "." in attribute else None
    fast = None if steps else _compile_fast(condition, is_v2=dialect == "realtime-2.0")
    if fast is not None:
        return fast
    operators = DIALECTS[dialect]
    try:
        test = operators.build(condition, fields.get("salt", ""))
    except InvalidOperand:
        return FALSE
    if test is never:
        return FALSE
    absent = _MISSING if operator in operators.NULL_READERS else None
    compiled = _compile_test(attribute, steps, test, absent, reads_clock=operator in _CLOCK_OPERATORS)
    return check_time_before(compiled) if is_sized(fields) else compiled


def _compile_test(
    attribute: str, steps: list[str] | None, test: Test, absent: object, *, reads_clock: bool
) -> Compiled:
    def holds(_user: str | None, context: Context, state: State) -> bool:
        value = context.get(attribute, _MISSING if steps else absent)
        if value is _MISSING and steps:
            value = follow_path(context, steps, absent)
        if value is absent:
            return False
        try:
            return test(value, state.now if reads_clock else 0.0)
        except ERRORS:
            return False

    return Compiled(holds, True)


def _compile_fast(condition: Condition, *, is_v2: bool) -> Compiled | None:
    """The most common tests without a second call; None for the others."""
    attribute, value = condition.attribute, condition.value
    if condition.operator == "eq" and isinstance(value, str):
        return compile_text_in(attribute, frozenset({value}))
    if condition.operator == "eq" and isinstance(value, bool):
        if is_v2:
            return Compiled(lambda _user, context, _state: context.get(attribute) is value, True)
        return Compiled(lambda _user, context, _state: context.get(attribute) == value, True)
    if condition.operator == "in" and isinstance(value, list) and {*map(type, value)} == {str}:
        return compile_text_in(attribute, frozenset(value))
    if condition.operator == "semantic_version" and condition.additional_value == "gte":
        return _compile_version_from(attribute, value, is_v2=is_v2)
    return None


def _compile_version_from(attribute: str, value: Any, *, is_v2: bool) -> Compiled | None:
    readers = (semver.key_cache, semver.read_key_v1), (semver.key_cache_v2, semver.read_key_v2)
    key_cache, read_key = readers[is_v2]
    minimum = read_key(value)
    if not minimum:
        return None

    def is_from(_user: str | None, context: Context, state: State) -> bool:
        try:
            value = context.get(attribute)
            key = key_cache.get(value)  # type: ignore[arg-type] # any JSON value may be looked up
            if key is None:
                if state is not None:
                    state.time.check()
                key = read_key(value)
        except (TypeError, ValueError):  # not hashable, or more digits than Python converts
            return False
        return key is not None and key >= minimum

    return Compiled(is_from, True)
