"""Conditions of the general form as closures; true, false or unknown."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.comparisons import compile_test
from chalicelib.domain.general_form.compiled import FALSE, TRUE, Compiled
from chalicelib.domain.general_form.operands import compile_read_operand
from chalicelib.domain.general_form.problems import (
    InvalidForm,
    require_list,
    require_object,
)
from chalicelib.domain.general_form.references import evaluate_segment
from chalicelib.domain.general_form.shards import (
    compile_place,
    find_ramp_limit,
    is_in_ranges,
    parse_ramp,
    parse_ranges,
    parse_shard,
)
from chalicelib.domain.general_form.state import Condition, Context, State, Stop


def _unknown(_user: str | None, _context: Context, _state: State) -> bool | None:
    return None


def _stop(_user: str | None, _context: Context, _state: State) -> bool | None:
    raise Stop


_UNKNOWN = Compiled(_unknown, False, (None,))
_ERROR = Compiled(_stop, True)


_WORDS = {"unknown": _UNKNOWN, "error": _ERROR}


def compile_condition(condition: Any, path: str) -> Compiled:
    """Raises InvalidForm with the path of the first mistake."""
    if isinstance(condition, bool):
        return TRUE if condition else FALSE
    if isinstance(condition, str) and condition in _WORDS:
        return _WORDS[condition]
    if isinstance(condition, dict):
        for field, compile_kind in _KINDS.items():
            if field in condition:
                return compile_kind(condition, path)
    raise InvalidForm(path, f"must be true, false, unknown, error, or an object with {', '.join(_KINDS)}")


def _compile_all_of(condition: Any, path: str) -> Compiled:
    return join_all(_compile_parts(condition, "all", path))


def _compile_any_of(condition: Any, path: str) -> Compiled:
    return join_any(_compile_parts(condition, "any", path))


def _compile_not_of(condition: Any, path: str) -> Compiled:
    require_object(condition, path, ("not",))
    return negate(compile_condition(condition["not"], f"{path}.not"))


def _compile_segment(condition: Any, path: str) -> Compiled:
    name = require_object(condition, path, ("segment",))["segment"]
    if not isinstance(name, str):
        raise InvalidForm(f"{path}.segment", "must be a text")
    return Compiled(lambda user, context, state: evaluate_segment(name, user, context, state), False)


def _compile_parts(condition: Any, field: str, path: str) -> list[Compiled]:
    parts = require_list(require_object(condition, path, (field,))[field], f"{path}.{field}")
    return [compile_condition(part, f"{path}.{field}[{index}]") for index, part in enumerate(parts)]


def join_all(parts: Sequence[Compiled]) -> Compiled:
    """Parts behind a constant false are never reached; a constant true changes nothing."""
    reached: list[Compiled] = []
    for part in parts:
        if part.constant != (True,):
            reached.append(part)
        if part.constant == (False,):
            break
    if not reached:
        return TRUE
    if len(reached) == 1:
        return reached[0]
    conditions = [part.condition for part in reached]
    if all(part.is_two_valued for part in reached):
        return Compiled(_all_two_valued(conditions), True)

    def holds(user: str | None, context: Context, state: State) -> bool | None:
        outcome: bool | None = True
        for condition in conditions:
            part = condition(user, context, state)
            if not part:
                if part is False:
                    return False
                outcome = None
        return outcome

    return Compiled(holds, False)


def join_any(parts: Sequence[Compiled]) -> Compiled:
    reached: list[Compiled] = []
    for part in parts:
        if part.constant != (False,):
            reached.append(part)
        if part.constant == (True,):
            break
    if not reached:
        return FALSE
    if len(reached) == 1:
        return reached[0]
    conditions = [part.condition for part in reached]
    if all(part.is_two_valued for part in reached):
        return Compiled(_any_two_valued(conditions), True)

    def holds(user: str | None, context: Context, state: State) -> bool | None:
        outcome: bool | None = False
        for condition in conditions:
            part = condition(user, context, state)
            if part:
                return True
            if part is None:
                outcome = None
        return outcome

    return Compiled(holds, False)


def _all_two_valued(conditions: Sequence[Condition]) -> Condition:
    """Two and three are unrolled: most conditions are that small, and a loop costs as much as a test."""
    match conditions:
        case [a, b]:
            return lambda user, context, state: a(user, context, state) and b(user, context, state)
        case [a, b, c]:
            return lambda user, context, state: (
                a(user, context, state) and b(user, context, state) and c(user, context, state)
            )

    def holds(user: str | None, context: Context, state: State) -> bool:
        for condition in conditions:  # noqa: SIM110 - all() of a generator takes twice as long
            if not condition(user, context, state):
                return False
        return True

    return holds


def _any_two_valued(conditions: Sequence[Condition]) -> Condition:
    match conditions:
        case [a, b]:
            return lambda user, context, state: a(user, context, state) or b(user, context, state)

    def holds(user: str | None, context: Context, state: State) -> bool:
        for condition in conditions:  # noqa: SIM110 - any() of a generator takes twice as long
            if condition(user, context, state):
                return True
        return False

    return holds


def negate(part: Compiled) -> Compiled:
    if part.constant is not None:
        return {(True,): FALSE, (False,): TRUE, (None,): _UNKNOWN}[part.constant]
    condition = part.condition
    if part.is_two_valued:
        return Compiled(lambda user, context, state: not condition(user, context, state), True)

    def holds(user: str | None, context: Context, state: State) -> bool | None:
        outcome = condition(user, context, state)
        return None if outcome is None else not outcome

    return Compiled(holds, False)


def _compile_shard(condition: Any, path: str) -> Compiled:
    if "below" in condition:
        return _compile_ramp(condition, path)
    fields = require_object(condition, path, ("shard", "ranges"), ("closed",))
    shard, is_closed = parse_shard(fields["shard"], f"{path}.shard"), fields.get("closed", False)
    bounds = parse_ranges(fields["ranges"], shard.scheme, f"{path}.ranges", closed=is_closed)
    find_place = compile_place(shard)
    outcome: bool | None = False
    if shard.missing_number is not None:
        outcome = is_in_ranges(shard.missing_number, fields["ranges"], closed=is_closed)
    elif shard.missing == "unknown":
        outcome = None

    is_two_valued = shard.missing != "unknown"
    if len(bounds) == 1:
        ((start, end),) = bounds

        def is_between(user: str | None, context: Context, state: State) -> bool | None:
            place = find_place(user, context, state)
            return outcome if place is None else start <= place < end

        return Compiled(is_between, is_two_valued, shard=(shard, bounds))

    def holds(user: str | None, context: Context, state: State) -> bool | None:
        place = find_place(user, context, state)
        if place is None:
            return outcome
        for low, high in bounds:  # noqa: SIM110 - any() of a generator takes twice as long
            if low <= place < high:
                return True
        return False

    return Compiled(holds, is_two_valued, shard=(shard, bounds))


def _compile_ramp(condition: Any, path: str) -> Compiled:
    """``below: {from: [time, number], to: [time, number]}``: places below a number that the clock moves."""
    fields = require_object(condition, path, ("shard", "below"))
    shard = parse_shard(fields["shard"], f"{path}.shard")
    ramp = parse_ramp(fields["below"], shard.scheme, f"{path}.below")
    find_place, read_number = compile_place(shard), shard.scheme.read_number
    missing, is_unknown = shard.missing_number, shard.missing == "unknown"

    def holds(user: str | None, context: Context, state: State) -> bool | None:
        limit = find_ramp_limit(ramp, state.now)
        place = find_place(user, context, state)
        if place is not None:
            return read_number(place) < limit
        if missing is not None:
            return missing < limit
        return None if is_unknown else False

    return Compiled(holds, not is_unknown)


def _compile_some(condition: Any, path: str) -> Compiled:
    fields = require_object(condition, path, ("some", "where"))
    get = compile_read_operand(fields["some"], f"{path}.some")
    where = compile_condition(fields["where"], f"{path}.where").condition

    def holds(user: str | None, context: Context, state: State) -> bool | None:
        elements = get(user, context, state)
        if not isinstance(elements, list):
            return False
        state.time.check()
        outcome: bool | None = False
        outer = state.item
        try:
            for element in elements:
                state.item = element
                part = where(user, context, state)
                if part:
                    return True
                if part is None:
                    outcome = None
        finally:
            state.item = outer
        return outcome

    return Compiled(holds, False)


_KINDS: Mapping[str, Callable[[Any, str], Compiled]] = {
    "all": _compile_all_of,
    "any": _compile_any_of,
    "not": _compile_not_of,
    "segment": _compile_segment,
    "shard": _compile_shard,
    "some": _compile_some,
    "test": compile_test,
}
