"""The answer of a feature flag for a user, and its reason. docs/flags.md has the table of reasons."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from chalicelib.domain.definitions.model import (
    Decision,
    Evaluation,
    FindFlag,
    FindSegment,
    Flag,
    find_in_force,
    find_nothing,
)
from chalicelib.domain.errors import InvalidInput, RealtimeError, StorageUnavailable
from chalicelib.domain.general_form.state import (
    NO_VALUE,
    UNLIMITED,
    Circle,
    EvaluationTime,
    MissingUnit,
    NoValue,
    State,
    Stop,
)


class Evaluations(NamedTuple):
    """Answers of many flags, and the error of each flag without an answer, by its key."""

    evaluations: list[Evaluation]
    failures: dict[str, RealtimeError]


Assign = Callable[[str], Evaluation | None]
"""An experiment's key -> the user's answer from it; None if it excludes the user."""
NO_STATE = cast(State, None)
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
    if flag.later:
        flag = find_in_force(flag, now)
    definition = flag.definition
    if state is None:
        state = make_state(now, find, find_segment) if definition.reads_state else NO_STATE
    try:
        answer: Evaluation | NoValue = definition.decide(user_id, context, state)
    except MissingUnit as error:
        raise InvalidInput.missing_unit("flag", error.name) from None
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
    assign: Assign | None = None,
    time: EvaluationTime = UNLIMITED,
) -> Iterator[Evaluation]:
    """What `evaluate` answers for each of many flags; errors go to ``on_error``."""
    state = make_state(now, find, find_segment, assign, time)
    for flag in flags:
        definition = flag.definition
        answer: Any = NO_VALUE
        try:
            if not (definition.reads_state or flag.later):
                try:  # as most flags are decided: what `evaluate` does besides takes as long as the decision
                    answer = definition.decide(user_id, context, state)
                except Stop:
                    answer = NO_VALUE
            if answer is NO_VALUE:
                answer = evaluate(flag, user_id, context, now, find, state)
        except Exception as error:  # noqa: BLE001 - one flag never fails the rest
            on_error(flag, error)
        else:
            yield answer


def make_state(
    now: float,
    find: FindFlag,
    find_segment: FindSegment = find_nothing,
    assign: Assign | None = None,
    time: EvaluationTime = UNLIMITED,
) -> State:
    def find_definition(key: str) -> Flag | None:
        flag = find(key)
        return find_in_force(flag, now) if flag is not None and flag.later else flag

    return State(now, find_definition, find_segment, assign, time)


def make_experiment_answer(decision: Decision, version: int) -> Evaluation | None:
    """None if the experiment excludes the user. The flag that serves it makes it its own."""
    if decision.variant is None:
        return None
    return Evaluation(
        flag_key="",
        enabled=True,
        id=decision.variant,
        variant=decision.variant,
        value=decision.payload,
        has_value=decision.payload is not None,
        reason=decision.reason,
        version=version,
        tracked=0,
        encoded="",
        member="",
        openfeature="",
    )
