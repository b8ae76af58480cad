"""Definitions and segments that others refer to, evaluated at most once, and never in a circle."""

from typing import Any

from chalicelib.domain.general_form.state import NO_VALUE, Circle, Context, State, Stop


def evaluate_definition(
    key: str, user: str | None, context: Context, state: State, *, is_required: bool = True
) -> Any:
    """The answer of another definition. Raises Circle, and Stop for an unknown key.

    An unknown key is no value unless ``is_required``.
    """
    if key in state.answers:
        return state.answers[key]
    definition = state.find_definition(key)
    name = "definition", key
    if definition is None:
        if is_required:
            raise Stop
        return NO_VALUE
    if name in state.active:
        raise Circle
    item, state.item = state.item, None
    state.active.add(name)
    try:
        answer = definition.decide(user, context, state)
    finally:
        state.active.discard(name)
        state.item = item
    state.answers[key] = answer
    return answer


def evaluate_segment(name: str, user: str | None, context: Context, state: State) -> bool | None:
    """Without the element of a ``some`` around it. Raises Stop for an unknown segment and for a circle."""
    condition = state.find_segment(name)
    active_name = "segment", name
    if condition is None:
        raise Stop
    if active_name in state.active:
        raise Circle
    item, state.item = state.item, None
    state.active.add(active_name)
    try:
        return condition(user, context, state)
    finally:
        state.active.discard(active_name)
        state.item = item
