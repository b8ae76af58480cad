"""`explain` of definitions written in the general form."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from hypothesis import given

from chalicelib.domain.explanation.condition import explain_mismatch, explain_success
from chalicelib.domain.explanation.form import explain_form
from chalicelib.domain.explanation.question import Question
from chalicelib.domain.general_form.compiler import Variant
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.definition import LazyDefinition
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.state import NO_VALUE, State, Stop
from tests.support.general_strategies import DOCUMENTS_OF_CONDITIONS, QUESTIONS

Json = Any
NOW = 1_800_000_000.0
VARIANTS = {"on": {}, "off": {}, "blue": {"name": "Blue"}, "nobody": {"name": None}}
ON, OFF = {"variant": "on"}, {"variant": "off"}
NEW_INDEX: Json = {"variants": VARIANTS, "rules": [{"serve": {"variant": "blue"}}]}
IS_GERMAN = {"test": "eq", "of": {"attr": "country"}, "value": "DE"}
THOUSAND = {"scheme": "murmur32-mod", "of": 1_000, "seed": 80}
"""In it ada has the bucket 520, and bob 106."""


class Answer(NamedTuple):
    id: str
    variant: str | None
    value: Json
    enabled: bool
    reason: str


def make_answer(variant: Variant, enabled: bool, reason: str) -> Answer:
    return Answer(variant.id, variant.name, variant.value, enabled, reason)


def ask(document: Json, user: str | None, context: Mapping[str, Json], now: float = NOW) -> Question:
    """``document`` has ``definitions`` and ``segments``. Raises InvalidForm."""

    def define(form: Json) -> LazyDefinition:
        return LazyDefinition(lambda: form, make_answer)

    definitions = {key: define(form) for key, form in document.get("definitions", {}).items()}
    segments = {
        name: compile_condition(condition, name).condition
        for name, condition in document.get("segments", {}).items()
    }
    return Question(user, context, State(now, definitions.get, segments.get))


def explain(*rules: Json, user: str | None = "ada", default: Json = "none", **context: Json) -> list[str]:
    """The steps for a definition with these rules."""
    form = {"variants": VARIANTS, "rules": list(rules), "default": default}
    document = {"definitions": {"new-index": NEW_INDEX}, "segments": {"staff": False, "germans": IS_GERMAN}}
    return [f"{step.name}: {step.result}" for step in explain_form(form, ask(document, user, context))]


def explain_condition(condition: Json, user: str | None = "ada", **context: Json) -> str:
    document = {"definitions": {"new-index": NEW_INDEX}, "segments": {"staff": False, "beta": "unknown"}}
    question = ask(document, user, context)
    if question.holds(condition):
        return explain_success(condition, question)
    return explain_mismatch(condition, question)


def test_rules_are_shown_up_to_the_one_that_decides() -> None:
    rules = [
        {"id": "germans", "when": IS_GERMAN, "serve": OFF},
        {"when": {"segment": "germans"}, "serve": OFF},
        {"serve": {"variant": "blue"}},
        {"id": "never reached", "serve": "error"},
    ]
    assert explain(*rules, country="FR") == [
        'germans: country is not equal to "DE", and is "FR"',
        "rule 2: this user is not in segment germans",
        "rule 3: serves Blue",
    ]


def test_rules_within_a_rule_are_named_by_both() -> None:
    inner = [
        {"id": "by segment", "when": {"segment": "staff"}, "serve": ON},
        {"serve": {"rules": [{"when": IS_GERMAN, "serve": ON}]}, "else": "next"},
    ]
    rules = {"id": "outer", "serve": {"rules": inner}, "else": OFF}
    assert explain(rules, country="FR") == [
        "outer: its own rules follow",
        "outer / by segment: this user is not in segment staff",
        "outer / rule 2: its own rules follow",
        'outer / rule 2 / rule 1: country is not equal to "DE", and is "FR"',
        "outer / rule 2: none of its own rules decides: goes to the next rule",
        "outer: none of its own rules decides: serves off",
    ]
    assert explain(rules, country="DE")[-1] == 'outer / rule 2 / rule 1: country is equal to "DE": serves on'


ARMS = [{"ranges": [[0, 300], [300, 400]], "serve": ON}, {"ranges": [[700, 1_000]], "serve": "default"}]


@pytest.mark.parametrize(
    ("user", "otherwise", "steps"),
    [
        ("bob", OFF, ["rule 1: bucket 106 of on [0, 300) [300, 400)  default [700, 1,000): serves on"]),
        (
            "ada",
            OFF,
            [
                "rule 1: bucket 520 of on [0, 300) [300, 400)  default [700, 1,000), in none of them: "
                "serves off"
            ],
        ),
        (None, OFF, ["rule 1: no unit: the user's id is absent: serves off"]),
        (
            None,
            "next",
            [
                "rule 1: no unit: the user's id is absent: goes to the next rule",
                "default: no rule decides: serves no value",
            ],
        ),
    ],
)
def test_a_split_shows_the_bucket_and_its_arms(user: str | None, otherwise: Json, steps: list[str]) -> None:
    rule = {"serve": {"split": THOUSAND, "arms": ARMS}, "else": otherwise}
    assert explain(rule, user=user) == steps


def test_a_missing_unit_may_have_a_bucket() -> None:
    split = THOUSAND | {"unit": {"attr": ["account", "id"]}, "missing": {"bucket": 800}}
    assert explain({"serve": {"split": split, "arms": ARMS}}, default=OFF) == [
        "rule 1: no unit: account.id is absent, counts as bucket 800 of on [0, 300) [300, 400)  "
        "default [700, 1,000): serves the default",
        "default: serves off",
    ]


@pytest.mark.parametrize(
    ("shard", "ranges", "result"),
    [
        (THOUSAND, [[0, 500]], "bucket 520 is outside [0, 500) of 1,000: serves off"),
        (THOUSAND, [[0, 10], [500, 600]], "bucket 520 is inside [0, 10) [500, 600) of 1,000: serves on"),
        (THOUSAND, [], "bucket 520 is outside the empty range of 1,000: serves off"),
        ({"scheme": "sha1-unit"}, [[0, 0.25]], "bucket 0.894198 is outside [0, 0.25) of 1: serves off"),
        (
            THOUSAND | {"missing": "unknown", "unit": {"attr": "a"}},
            [[0, 1]],
            "unknown: no unit: a is absent: serves off",
        ),
        (THOUSAND | {"missing": "error", "unit": {"attr": "a"}}, [[0, 1]], "no unit: a is absent"),
    ],
)
def test_a_gate_shows_the_bucket_in_its_schemes_numbers(shard: Json, ranges: Json, result: str) -> None:
    rule = {"gates": [{"shard": shard, "ranges": ranges}], "serve": ON, "else": OFF}
    assert explain(rule) == [f"rule 1: {result}"]


@pytest.mark.parametrize(
    ("serve", "steps"),
    [
        ({"variant": "nobody"}, ["rule 1: serves no variant"]),
        ({"def": "new-index"}, ["rule 1: serves what flag new-index answers, Blue"]),
        ({"def": "unheard-of"}, ["rule 1: reaches an error, which ends the evaluation"]),
        ("error", ["rule 1: reaches an error, which ends the evaluation"]),
        ("none", ["rule 1: serves no value"]),
        ("next", ["rule 1: goes to the next rule", "default: no rule decides: serves off"]),
        ("default", ["rule 1: serves the default", "default: serves off"]),
    ],
)
def test_what_a_rule_serves_is_said_in_words(serve: Json, steps: list[str]) -> None:
    assert explain({"serve": serve}, default=OFF) == steps


def test_a_default_may_have_rules() -> None:
    default = {"rules": [{"when": IS_GERMAN, "serve": ON}, {"serve": "default"}]}
    assert explain(default=default, country="FR") == [
        "default: no rule decides: its own rules follow",
        'default / rule 1: country is not equal to "DE", and is "FR"',
        "default / rule 2: serves no value",
    ]


def test_neighbours_of_one_name_that_do_not_match_are_one_step() -> None:
    rules = [
        {"id": "override", "when": {"test": "in", "of": "user", "value": [name]}, "serve": ON}
        for name in ("bob", "eve")
    ]
    assert explain(*rules, default=OFF) == ["override: not this user", "default: no rule decides: serves off"]
    assert explain(*rules, user="bob") == ["override: this user: serves on"]
    assert explain(*rules, user="eve") == ["override: this user: serves on"]


VERSION = {"test": "ge", "of": {"attr": "app_version", "as": "semver"}, "value": "2.3.0"}
AGE = {"test": "ge", "of": {"attr": ["profile", "age"]}, "value": 18}
ORDERS = {"some": {"attr": "orders"}, "where": {"test": "gt", "of": {"item": ["total"]}, "value": 100}}


@pytest.mark.parametrize(
    ("condition", "context", "text"),
    [
        (VERSION, {"app_version": "1.9"}, 'app_version is not >= "2.3.0", and is "1.9"'),
        (VERSION, {"app_version": "new"}, 'app_version "new" cannot be read as a version'),
        (VERSION, {}, "app_version is absent"),
        (VERSION | {"missing": "unknown"}, {}, "unknown: app_version is absent"),
        (VERSION, {"app_version": "3"}, 'app_version is >= "2.3.0"'),
        (AGE, {"profile": {"age": 17}}, "profile.age is not >= 18, and is 17"),
        (AGE, {"profile": {"age": "old"}}, 'profile.age "old" cannot be compared with 18'),
        (AGE | {"missing": "pass"}, {}, "profile.age null cannot be compared with 18"),
        (
            {"test": "lt", "of": {"attr": "a"}, "with": {"attr": "b"}},
            {"a": 2, "b": 1},
            "a is not < b (1), and is 2",
        ),
        ({"test": "lt", "of": {"attr": "a"}, "with": {"attr": "b"}}, {"a": 2}, "b is absent"),
        (
            {"test": "starts", "of": "user", "value": "b"},
            {},
            'the user\'s id does not start with "b", and is "ada"',
        ),
        ({"test": "in", "of": "user", "value": ["bob", "eve"]}, {}, "not this user"),
        ({"test": "exists", "of": {"first": [{"attr": "a"}, {"attr": "b"}]}}, {}, "a or b is absent"),
        (
            {"test": "lt", "of": "now", "value": 0},
            {},
            "now is not < 1970-01-01T00:00:00Z, and is 2027-01-15T08:00:00Z",
        ),
        (
            {"test": "lt", "of": "now", "value": -1e300},
            {},
            "now is not < -1e+300, and is 2027-01-15T08:00:00Z",
        ),
        (
            {"test": "in", "of": {"flag": "new-index", "get": "variant"}, "value": ["on"]},
            {},
            'flag new-index is not in ["on"], and is "Blue"',
        ),
        (
            IS_GERMAN | {"list": "any"},
            {"country": ["FR", 1]},
            'country has no element that is equal to "DE", and is ["FR", 1]',
        ),
        (IS_GERMAN, {"country": "x" * 99}, f'country is not equal to "DE", and is "{"x" * 59}…'),
        ({"not": IS_GERMAN}, {"country": "DE"}, 'country is equal to "DE"'),
        (
            {"not": {"any": [IS_GERMAN, AGE]}},
            {"country": "DE"},
            "what it excludes holds: alternative 1 of 2 holds",
        ),
        ({"not": {"all": [IS_GERMAN]}}, {"country": "DE"}, "what it excludes holds"),
        ({"not": "unknown"}, {}, "unknown: the condition is unknown"),
        ({"all": [True, "unknown", IS_GERMAN]}, {"country": "DE"}, "unknown: the condition is unknown"),
        ({"all": [True, "unknown", IS_GERMAN]}, {"country": 1}, 'country is not equal to "DE", and is 1'),
        ({"any": []}, {}, "it has no alternatives"),
        (
            {"any": [False] * 7},
            {},
            "none of its 7 alternatives holds: " + "the condition is false; " * 5 + "…",
        ),
        ({"any": [False, {"segment": "beta"}]}, {}, "unknown: this user may or may not be in segment beta"),
        (ORDERS, {}, "orders is absent"),
        (ORDERS, {"orders": 1}, "orders is not a list, and is 1"),
        (ORDERS, {"orders": []}, "orders is empty"),
        (
            ORDERS | {"some": {"attr": "orders", "as": "text"}},
            {"orders": [1]},
            "orders is not a list, and is a value that cannot be read",
        ),
        (
            ORDERS,
            {"orders": [{"total": 5}, {}]},
            "none of the elements of orders (2) matches, "
            "the first because total of the element is not > 100, and is 5",
        ),
    ],
)
def test_a_condition_says_what_it_compared(condition: Json, context: dict[str, Json], text: str) -> None:
    assert explain_condition(condition, **context) == text


def test_a_share_of_those_who_match_is_called_a_rollout() -> None:
    gate = {"shard": THOUSAND, "ranges": [[0, 250]]}
    condition = {"all": [IS_GERMAN, gate]}
    assert explain_condition(condition, country="DE") == (
        "its conditions match, but this user is outside of its rollout of 25 %: "
        "bucket 520 is outside [0, 250) of 1,000"
    )
    assert explain_condition(condition, None, country="DE") == (
        "its conditions match, but there is no unit that its rollout could divide"
    )
    assert explain_condition(condition, country="FR") == 'country is not equal to "DE", and is "FR"'
    assert explain_condition(condition, "bob", country="DE") == "bucket 106 is inside [0, 250) of 1,000"


def label(form: Json, owner: str, path: str) -> Json:
    """``form`` with an id for each rule, which is also the reason of the answers that the rule serves."""
    if isinstance(form, list):
        return [label(part, owner, path) for part in form]
    if not isinstance(form, dict):
        return form
    if "variant" in form:
        return form | {"reason": owner}
    labelled = {field: label(part, owner, path) for field, part in form.items() if field != "rules"}
    if "rules" in form:
        names = [f"{path}.{index}" for index in range(len(form["rules"]))]
        labelled["rules"] = [
            {**label(rule, name, name), "id": name} for rule, name in zip(form["rules"], names, strict=True)
        ]
    return labelled


@given(QUESTIONS)
def test_the_last_step_is_the_rule_that_decides(question: Any) -> None:
    document, key, user, context, now = question
    if key not in document["definitions"]:
        return
    forms = {key: label(form, "default", key) for key, form in document["definitions"].items()}
    document = document | {"definitions": forms}
    try:
        answer = LazyDefinition(lambda: forms[key], make_answer).decide(
            user, context, ask(document, user, context, now).state
        )
    except InvalidForm:  # an operand that no value can be compared with
        return
    except Stop:
        answer = None
    last = explain_form(forms[key], ask(document, user, context, now))[-1]
    if answer is None:
        assert last.result.endswith("ends the evaluation") or last.result.startswith("no unit: ")
    elif answer is NO_VALUE:
        assert last.result.endswith("no value")
    elif "serves what flag" in last.result:
        assert last.result.endswith(f"answers, {answer.variant or 'no variant'}")
    else:
        assert last.name.split(" / ")[-1] == answer.reason
        assert last.result.endswith(f"serves {answer.variant or 'no variant'}")


@given(DOCUMENTS_OF_CONDITIONS, QUESTIONS)
def test_every_condition_can_be_explained(document: Json, question: Any) -> None:
    _, _, user, context, now = question
    condition = document["definitions"]["checkout"]["rules"][0]["when"]
    try:
        asked = ask(document, user, context, now)
        outcome = asked.holds(condition)
    except (InvalidForm, Stop):
        return
    text = explain_success(condition, asked) if outcome else explain_mismatch(condition, asked)
    assert text or outcome
    assert text.startswith("unknown: ") is (outcome is None)
