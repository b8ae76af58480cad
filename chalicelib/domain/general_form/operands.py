"""Operands: where a test or a shard finds its value."""

from collections.abc import Sequence
from typing import Any

from chalicelib.domain.general_form.problems import (
    InvalidForm,
    require_choice,
    require_list,
    require_object,
)
from chalicelib.domain.general_form.readers import READERS, UNREADABLE, Reader
from chalicelib.domain.general_form.references import evaluate_definition
from chalicelib.domain.general_form.state import NO_VALUE, Context, Get, State

_GETS = ("value", "variant", "enabled")


def parse_reader(operand: Any, path: str) -> Reader | None:
    name = operand.get("as") if isinstance(operand, dict) else None
    return None if name is None else READERS[require_choice(name, READERS, f"{path}.as")]


def compile_read_operand(operand: Any, path: str) -> Get:
    """Also with its reader: UNREADABLE for a value that it cannot read."""
    get, reader = compile_operand(operand, path), parse_reader(operand, path)
    if reader is None:
        return get

    def get_read(user: str | None, context: Context, state: State) -> Any:
        value = get(user, context, state)
        return None if value is None else reader(value)

    return get_read


def compile_operand(operand: Any, path: str) -> Get:
    """Without its reader; see `parse_reader`."""
    if operand == "user":
        return lambda user, _context, _state: user
    if operand == "context":
        return lambda _user, context, _state: context
    if operand == "now":
        return lambda _user, _context, state: state.now
    if not isinstance(operand, dict):
        raise InvalidForm(path, "must be an object, user, context or now")
    if "attr" in operand:
        require_object(operand, path, ("attr",), ("as",))
        return _compile_attribute(operand["attr"], f"{path}.attr")
    if "const" in operand:
        constant = require_object(operand, path, ("const",), ("as",))["const"]
        return lambda _user, _context, _state: constant
    if "item" in operand:
        require_object(operand, path, ("item",), ("as",))
        steps = _require_path(operand["item"], f"{path}.item")
        return lambda _user, _context, state: _descend(state.item, steps)
    if "first" in operand:
        require_object(operand, path, ("first",), ("as",))
        candidates = require_list(operand["first"], f"{path}.first")
        gets = [
            compile_read_operand(candidate, f"{path}.first[{index}]")
            for index, candidate in enumerate(candidates)
        ]
        return _compile_first(gets)
    if "flag" in operand:
        require_object(operand, path, ("flag", "get"), ("as", "unknown"))
        return _compile_flag(operand, path)
    raise InvalidForm(path, "must have attr, const, item, first or flag")


def _compile_attribute(attribute: Any, path: str) -> Get:
    if isinstance(attribute, str):
        return lambda _user, context, _state: context.get(attribute)
    steps = _require_path(attribute, path)
    return lambda _user, context, _state: _descend(context, steps)


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


def _compile_first(gets: Sequence[Get]) -> Get:
    def get(user: str | None, context: Context, state: State) -> Any:
        for get_candidate in gets:
            value = get_candidate(user, context, state)
            if value is not None and value is not UNREADABLE:
                return value
        return None

    return get


def _compile_flag(operand: Any, path: str) -> Get:
    key = operand["flag"]
    if not isinstance(key, str):
        raise InvalidForm(f"{path}.flag", "must be a text")
    attribute = require_choice(operand["get"], _GETS, f"{path}.get")
    unknown = require_choice(operand.get("unknown", "error"), ("error", "missing"), f"{path}.unknown")
    is_required = unknown == "error"

    def get(user: str | None, context: Context, state: State) -> Any:
        answer = evaluate_definition(key, user, context, state, is_required=is_required)
        return None if answer is NO_VALUE else getattr(answer, attribute)

    return get
