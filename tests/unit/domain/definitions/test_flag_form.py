"""Flags compiled into the general form answer as the evaluation of flags does."""

from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.compiler import compile_flag, parse_flag
from chalicelib.domain.definitions.flag_form import translate_flag
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.general_form.compiler import CompiledDefinition, Variant, compile_definition
from chalicelib.domain.general_form.references import evaluate_definition
from chalicelib.domain.general_form.state import MissingUnit, State
from chalicelib.domain.targeting import parse
from tests.support.definition_strategies import TIMES, USERS, flags
from tests.support.targeting_strategies import CONTEXTS

MISSING_UNIT = "targeting_key_missing"


class Answer(NamedTuple):
    variant: str | None
    value: Any
    reason: str
    enabled: bool


def make_answer(variant: Variant, enabled: bool, reason: str) -> Answer:
    return Answer(variant.name, variant.value, reason, enabled)


def compile_form(document: FlagDocument) -> CompiledDefinition:
    rules = parse(document.targeting_rules) if document.targeting_rules is not None else None
    return compile_definition(document.key, translate_flag(document, rules), make_answer)


def evaluate_flag(documents: list[FlagDocument], user: str | None, context: Any, now: float) -> Any:
    compiled = {document.key: compile_flag(document) for document in documents}
    try:
        answer = evaluate(compiled["f"], user, context, now, compiled.get)
    except InvalidInput as error:
        return error.code
    return Answer(answer.variant, answer.value, str(answer.reason), answer.enabled)


def evaluate_form(documents: list[FlagDocument], user: str | None, context: Any, now: float) -> Any:
    definitions = {document.key: compile_form(document) for document in documents}
    try:
        return evaluate_definition("f", user, context, State(now, definitions.get, lambda _: None))
    except MissingUnit:
        return MISSING_UNIT


@given(
    flag=flags("f", ["g"]),
    prerequisite=flags("g", []),
    user=st.sampled_from([*USERS, None]),
    context=CONTEXTS,
    account=st.sampled_from([None, "acme", 7, "", 1.5, {"id": "acme"}, {"id": None}]),
    now=TIMES,
)
def test_a_flag_in_the_general_form_answers_as_the_flag(
    flag: Any, prerequisite: Any, user: str | None, context: dict[str, Any], account: Any, now: float
) -> None:
    try:
        documents = [parse_flag(flag), parse_flag(prerequisite)]
    except InvalidInput:
        return
    context = {**context, "account": account, "user_id": user}
    context = {name: value for name, value in context.items() if value is not None}
    expected = evaluate_flag(documents, user, context, now)
    assert evaluate_form(documents, user, context, now) == expected


def test_every_rule_of_a_flag_has_an_id() -> None:
    document = parse_flag(
        {
            "key": "f",
            "type": "boolean",
            "rollout_percentage": 10,
            "overrides": {"ada": "on"},
            "prerequisites": [{"flag": "g", "variants": ["on"]}],
            "targeting_rules": {"version": "2.0", "rules": [{"id": "eu", "rule": {}}]},
        }
    )
    rules = translate_flag(document, parse(document.targeting_rules))["rules"]
    assert [rule["id"] for rule in rules] == ["override", "prerequisite g", "rule eu", "not targeted"]
