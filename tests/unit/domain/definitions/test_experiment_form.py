"""Experiments compiled into the general form decide as `domain.assignment` does."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.assignment import decide, is_current
from chalicelib.domain.definitions.compiler import compile_experiment, parse_experiment
from chalicelib.domain.definitions.experiment_form import translate_assignment, translate_gates
from chalicelib.domain.definitions.model import Assignment
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.general_form.compiler import Variant, compile_definition
from chalicelib.domain.general_form.state import NO_VALUE, State
from chalicelib.domain.targeting import parse
from tests.support.definition_strategies import ROWS, TIMES, USERS, experiments
from tests.support.targeting_strategies import CONTEXTS


class Answer(NamedTuple):
    variant: str | None
    reason: str
    payload: Any


def make_answer(variant: Variant, _enabled: bool, reason: str) -> Answer:
    return Answer(variant.name, reason, variant.value)


def decide_by_form(
    document: ExperimentDocument, user: str, context: Any, now: float, row: Assignment | None
) -> Any:
    """The stored row is read between gates and assignment."""
    rules = parse(document.targeting_rules) if document.targeting_rules is not None else None
    state = State(now, lambda _: None, lambda _: None)
    gates = compile_definition("gates", translate_gates(document), make_answer)
    answer = gates.decide(user, context, state)
    if answer is not NO_VALUE:
        return answer
    payloads = {variant.key: variant.payload for variant in document.variants}
    if row is not None and document.sticky and row.variant in payloads:
        return Answer(row.variant, "STICKY", payloads[row.variant])
    assignment = compile_definition("e", translate_assignment(document, rules), make_answer)
    answer = assignment.decide(user, context, state)
    if row is None or answer.variant is None:
        return answer
    return answer._replace(reason="STICKY" if row.variant == answer.variant else "REASSIGNED")


@given(experiment=experiments(), user=st.sampled_from(USERS), context=CONTEXTS, now=TIMES, row=ROWS)
def test_an_experiment_in_the_general_form_decides_as_the_experiment(
    experiment: Any, user: str, context: dict[str, Any], now: float, row: Assignment | None
) -> None:
    try:
        document = parse_experiment(experiment)
    except InvalidInput:
        return
    context = {**context, "user_id": user}
    compiled = compile_experiment(document)
    expected = decide(compiled, user, context, now, lambda: row)
    current_row = row if row is not None and is_current(row, compiled, now) else None
    answer = decide_by_form(document, user, context, now, current_row)
    assert answer == Answer(expected.variant, str(expected.reason), expected.payload)
