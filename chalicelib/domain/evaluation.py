"""The answer of a feature flag for a user, and its reason. docs/flags.md has the table of reasons."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from chalicelib.domain.definitions.model import Evaluation, FindFlag, FindSegment, Flag, find_nothing
from chalicelib.domain.errors import InvalidInput, Problem, RealtimeError, StorageUnavailable
from chalicelib.domain.general_form.state import NO_VALUE, Circle, MissingUnit, NoValue, State, Stop


class Evaluations(NamedTuple):
    """Answers of many flags, and the error of each flag without an answer, by its key."""

    evaluations: list[Evaluation]
    failures: dict[str, RealtimeError]


_NO_STATE = cast(State, None)
"""For definitions that read none."""


def evaluate(
    flag: Flag,
    user_id: str | None,
    context: Mapping[str, Any],
    now: float,
    find: FindFlag,
    state: State | None = None,
    find_segment: FindSegment = find_nothing,
) -> Evaluation:
    """``find`` and ``find_segment`` give what the flag refers to; ``now`` is epoch seconds.

    Pass the same ``state`` for all flags of one user, context and time, so that each prerequisite is
    evaluated once: flags that share one would double the work at every level. Raises InvalidInput
    ``targeting_key_missing`` if the answer needs a hash and there is nothing to hash.
    """
    definition = flag.definition
    if state is None:
        state = State(now, find, find_segment) if definition.reads_state else _NO_STATE
    try:
        answer: Evaluation | NoValue = definition.decide(user_id, context, state)
    except MissingUnit as error:
        raise make_missing_unit_error(error.name) from None
    except Circle:  # only in rows edited by hand: publishing refuses circles
        message = "What the stored flag refers to goes in a circle; publish it again."
        raise StorageUnavailable(message) from None
    except Stop:
        answer = NO_VALUE
    if isinstance(answer, NoValue):
        return flag.answers.make_no_value()
    return answer if answer.flag_key == flag.key else flag.answers.adopt(answer)


def evaluate_all(
    flags: Iterable[Flag],
    user_id: str | None,
    context: Mapping[str, Any],
    now: float,
    find: FindFlag,
    on_error: Callable[[Flag, Exception], object],
    find_segment: FindSegment = find_nothing,
) -> Iterator[Evaluation]:
    """What `evaluate` answers for each of many flags; errors go to ``on_error``."""
    state = State(now, find, find_segment)
    for flag in flags:
        try:
            answer = evaluate(flag, user_id, context, now, find, state)
        except Exception as error:  # noqa: BLE001 - one flag never fails the rest
            on_error(flag, error)
        else:
            yield answer


def make_missing_unit_error(unit: str) -> InvalidInput:
    """``unit`` is ``user``, or the attribute that is missing."""
    field = "user_id" if unit in ("user", "user_id") else f"context.{unit}"
    problem = Problem(field, "required, because this flag divides its users by it")
    return InvalidInput("targeting_key_missing", "The flag cannot be decided without a unit.", (problem,))
