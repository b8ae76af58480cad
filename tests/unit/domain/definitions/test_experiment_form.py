"""Experiments in the general form decide as their documents say, step by step."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.assignment import decide, is_current
from chalicelib.domain.definitions.compiler import compile_experiment, parse_experiment
from chalicelib.domain.definitions.model import Assignment
from chalicelib.domain.errors import InvalidInput
from tests.support import decision_interpreter as interpreter
from tests.support.definition_strategies import ROWS, TIMES, USERS, experiments
from tests.support.targeting_strategies import CONTEXTS


@given(experiment=experiments(), user=st.sampled_from(USERS), context=CONTEXTS, now=TIMES, row=ROWS)
def test_an_experiment_decides_as_its_document_says(
    experiment: Any, user: str, context: dict[str, Any], now: float, row: Assignment | None
) -> None:
    try:
        compiled = compile_experiment(parse_experiment(experiment))
    except InvalidInput:
        return
    context = {**context, "user_id": user}
    decision = decide(compiled, user, context, now, lambda: row)
    answer = interpreter.Answer(decision.variant, decision.payload, str(decision.reason))
    current = row if row is not None and is_current(row, compiled, now) else None
    assert answer == interpreter.decide_experiment(experiment, user, context, now, current)
