"""Definitions and segments that others refer to, evaluated at most once, and never in a circle."""

from typing import Any

from chalicelib.domain.general_form.state import MAX_DEPTH, NO_VALUE, Circle, Context, State, Stop


def evaluate_definition(
    key: str, user: str | None, context: Context, state: State, *, is_required: bool = True
) -> Any:
    """The answer of another definition. Raises Circle, and Stop for an unknown key.

    An unknown key is no value unless ``is_required``.
    """
    if key in state.answers:
        return state.answers[key]
    definition = state.find_definition(key)
    if definition is None:
        if is_required:
            raise Stop
        return NO_VALUE
    if state.depth >= MAX_DEPTH:
        raise Circle
    state.time.check()
    item = state.item
    state.depth += 1
    state.item = None  # the element of a ``some`` around is out of sight inside
    try:
        answer = definition.decide(user, context, state)
    finally:
        state.depth -= 1
        state.item = item
    state.answers[key] = answer
    return answer


def evaluate_segment(name: str, user: str | None, context: Context, state: State) -> bool | None:
    """Without the element of a ``some`` around it. Raises Stop for an unknown segment and for a circle.

    Each segment is evaluated once: segments that share others would double the work at every level.
    """
    if name in state.segments:
        return state.segments[name]
    condition = state.find_segment(name)
    if condition is None:
        raise Stop
    if state.depth >= MAX_DEPTH:
        raise Circle
    state.time.check()
    item = state.item
    state.depth += 1
    state.item = None
    try:
        outcome = condition(user, context, state)
    finally:
        state.depth -= 1
        state.item = item
    state.segments[name] = outcome
    return outcome
