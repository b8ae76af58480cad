"""Flags in the general form answer as their documents say, step by step."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.compiler import compile_flag, parse_flag
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.evaluation import evaluate
from tests.support import decision_interpreter as interpreter
from tests.support.definition_strategies import TIMES, USERS, flags
from tests.support.flags import flag as build_flag
from tests.support.targeting_strategies import CONTEXTS

MISSING_UNIT = "targeting_key_missing"


def evaluate_by_engine(
    documents: dict[str, Any], user: str | None, context: dict[str, Any], now: float
) -> Any:
    compiled = {key: compile_flag(parse_flag(document)) for key, document in documents.items()}
    try:
        answer = evaluate(compiled["f"], user, context, now, compiled.get)
    except InvalidInput as error:
        return error.code
    return interpreter.Answer(answer.variant, answer.value, str(answer.reason), answer.enabled)


@given(
    flag=flags("f", ["g"]),
    prerequisite=flags("g", []),
    user=st.sampled_from([*USERS, None]),
    context=CONTEXTS,
    account=st.sampled_from([None, "acme", 7, "", 1.5, {"id": "acme"}, {"id": None}]),
    now=TIMES,
)
def test_a_flag_answers_as_its_document_says(
    flag: Any, prerequisite: Any, user: str | None, context: dict[str, Any], account: Any, now: float
) -> None:
    context = {**context, "account": account, "user_id": user}
    context = {name: value for name, value in context.items() if value is not None}
    documents = {"f": flag, "g": prerequisite}
    try:
        answer = evaluate_by_engine(documents, user, context, now)
    except InvalidInput:  # at publish
        return
    try:
        expected: Any = interpreter.evaluate_flag(flag, user, context, now, documents)
    except interpreter.MissingUnit:
        expected = MISSING_UNIT
    assert answer == expected


def test_every_rule_of_a_flag_has_an_id() -> None:
    flag = build_flag(
        rollout_percentage=10,
        overrides={"ada": "on"},
        prerequisites=[{"flag": "g", "variants": ["on"]}],
        targeting_rules={"version": "2.0", "rules": [{"id": "eu", "rule": {}}]},
    )
    ids = [rule["id"] for rule in flag.definition.form["rules"]]
    assert ids == ["override", "prerequisite g", "rule eu", "not targeted"]
