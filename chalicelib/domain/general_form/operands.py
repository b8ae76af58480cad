"""Operands: where a test or a shard finds its value."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.functions import FUNCTIONS
from chalicelib.domain.general_form.problems import (
    InvalidForm,
    require_choice,
    require_list,
    require_object,
)
from chalicelib.domain.general_form.readers import READERS, UNREADABLE, Reader
from chalicelib.domain.general_form.readers.times import CLOCK_READERS
from chalicelib.domain.general_form.references import evaluate_definition
from chalicelib.domain.general_form.state import NO_VALUE, Context, Get, State

_GETS = ("value", "variant", "id", "enabled")
"""Attributes of an answer. ``variant`` is the name that callers are told, ``id`` the variant's own."""


def parse_reader(operand: Any, path: str) -> Reader | None:
    """How the value of the operand itself is read."""
    if isinstance(operand, dict) and "now" in operand and operand.get("as") in CLOCK_READERS:
        return CLOCK_READERS[operand["as"]]
    return parse_value_reader(operand, path)


def parse_value_reader(operand: Any, path: str) -> Reader | None:
    """How a value that the operand is compared with is read."""
    name = operand.get("as") if isinstance(operand, dict) else None
    return None if name is None else READERS[require_choice(name, READERS, f"{path}.as")]


def compile_read_operand(operand: Any, path: str) -> Get:
    """Also with its reader: UNREADABLE for a value that it cannot read."""
    get, reader = compile_operand(operand, path), parse_reader(operand, path)
    if reader is None:
        return get
    attribute = operand.get("attr") if isinstance(operand, dict) else None
    if isinstance(attribute, str):

        def get_attribute(_user: str | None, context: Context, _state: State) -> Any:
            value = context.get(attribute)
            return None if value is None else reader(value)

        return get_attribute

    def get_read(user: str | None, context: Context, state: State) -> Any:
        value = get(user, context, state)
        return None if value is None else reader(value)

    return get_read


def compile_operand(operand: Any, path: str) -> Get:
    """Without its reader; see `parse_reader`."""
    if isinstance(operand, str) and operand in _WORDS:
        return _WORDS[operand]
    if not isinstance(operand, dict):
        raise InvalidForm(path, f"must be an object, {', '.join(_WORDS)}")
    for field, compile_kind in _KINDS.items():
        if field in operand:
            return compile_kind(operand, path)
    raise InvalidForm(path, f"must have one of {', '.join(_KINDS)}")


_WORDS: Mapping[str, Get] = {
    "user": lambda user, _context, _state: user,
    "context": lambda _user, context, _state: context,
    "now": lambda _user, _context, state: state.now,
}


def _compile_attribute(operand: Any, path: str) -> Get:
    attribute = require_object(operand, path, ("attr",), ("as",))["attr"]
    if isinstance(attribute, str):
        return lambda _user, context, _state: context.get(attribute)
    steps = _require_path(attribute, f"{path}.attr")
    return lambda _user, context, _state: _descend(context, steps)


def _compile_constant(operand: Any, path: str) -> Get:
    constant = require_object(operand, path, ("const",), ("as",))["const"]
    return lambda _user, _context, _state: constant


def _compile_item(operand: Any, path: str) -> Get:
    require_object(operand, path, ("item",), ("as",))
    steps = _require_path(operand["item"], f"{path}.item")
    return lambda _user, _context, state: _descend(state.item, steps)


def _compile_now(operand: Any, path: str) -> Get:
    """``{"now": -604800}`` is a week ago, in epoch seconds; with ``as``, in the numbers of that reader."""
    offset = require_object(operand, path, ("now",), ("as",))["now"]
    if type(offset) not in (int, float) or not -MAX_OFFSET <= offset <= MAX_OFFSET:
        raise InvalidForm(f"{path}.now", f"must be a number of seconds from -{MAX_OFFSET} to {MAX_OFFSET}")
    return lambda _user, _context, state: state.now + offset


MAX_OFFSET = 10**11
"""Seconds, over 3,000 years: sums of times stay exact to the microsecond or nearly so."""


def _compile_function(operand: Any, path: str) -> Get:
    """Unreadable if an argument is."""
    fields = require_object(operand, path, ("fn", "args"), ("as",))
    call, count = FUNCTIONS[require_choice(fields["fn"], FUNCTIONS, f"{path}.fn")]
    gets = _compile_operands(fields["args"], f"{path}.args")
    if count is not None and len(gets) != count:
        raise InvalidForm(f"{path}.args", f"must have {count} element")

    def get(user: str | None, context: Context, state: State) -> Any:
        values = [get_value(user, context, state) for get_value in gets]
        for value in values:
            if value is UNREADABLE:
                return UNREADABLE
        return call(values)

    return get


def _compile_operands(operands: Any, path: str) -> list[Get]:
    return [
        compile_read_operand(operand, f"{path}[{index}]")
        for index, operand in enumerate(require_list(operands, path))
    ]


def _require_path(value: Any, path: str) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(step, str) for step in value):
        raise InvalidForm(path, "must be a text or a list of texts")
    return tuple(value)


def _descend(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def _compile_first(operand: Any, path: str) -> Get:
    gets = _compile_operands(require_object(operand, path, ("first",), ("as",))["first"], f"{path}.first")

    def get(user: str | None, context: Context, state: State) -> Any:
        for get_candidate in gets:
            value = get_candidate(user, context, state)
            if value is not None and value is not UNREADABLE:
                return value
        return None

    return get


def _compile_flag(operand: Any, path: str) -> Get:
    """``path`` descends into its value."""
    require_object(operand, path, ("flag", "get"), ("as", "unknown", "path"))
    key = operand["flag"]
    if not isinstance(key, str):
        raise InvalidForm(f"{path}.flag", "must be a text")
    attribute = require_choice(operand["get"], _GETS, f"{path}.get")
    unknown = require_choice(operand.get("unknown", "error"), ("error", "missing"), f"{path}.unknown")
    is_required, steps = unknown == "error", _require_path(operand.get("path", []), f"{path}.path")

    def get(user: str | None, context: Context, state: State) -> Any:
        answer = evaluate_definition(key, user, context, state, is_required=is_required)
        return None if answer is NO_VALUE else _descend(getattr(answer, attribute), steps)

    return get


_KINDS: Mapping[str, Callable[[Any, str], Get]] = {
    "attr": _compile_attribute,
    "const": _compile_constant,
    "item": _compile_item,
    "first": _compile_first,
    "flag": _compile_flag,
    "now": _compile_now,
    "fn": _compile_function,
}
