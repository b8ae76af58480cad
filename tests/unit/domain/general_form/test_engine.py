"""The fast engine answers as the plain interpreter does, and refuses what it cannot keep exactly."""

from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.general_form.compiler import Variant, compile_definition
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.definition import LazyDefinition
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.readers import READERS
from chalicelib.domain.general_form.references import evaluate_definition
from chalicelib.domain.general_form.schemes import SCHEMES, find_bound
from chalicelib.domain.general_form.state import NO_VALUE, State, Stop
from tests.support.general_interpreter import interpret
from tests.support.general_pools import JSON
from tests.support.general_strategies import (
    CONTEXTS,
    DOCUMENTS_OF_CONDITIONS,
    QUESTIONS,
    TIMES,
    USERS,
)


class Answer(NamedTuple):
    key: str
    id: str
    variant: str | None
    value: Any
    enabled: bool
    reason: str


def evaluate(document: Any, key: str, user: str | None, context: Any, now: float) -> Any:
    """As `interpret`; raises InvalidForm."""

    def compile_one(key: str) -> Any:
        def make_answer(variant: Variant, enabled: bool, reason: str) -> Answer:
            return Answer(key, variant.id, variant.name, variant.value, enabled, reason)

        return LazyDefinition(lambda: document["definitions"][key], make_answer)

    definitions = {key: compile_one(key) for key in document["definitions"]}
    segments = {
        name: compile_condition(condition, name).condition
        for name, condition in document.get("segments", {}).items()
    }
    try:
        answer = evaluate_definition(key, user, context, State(now, definitions.get, segments.get))
    except Stop:
        return ("error",)
    if answer is NO_VALUE:
        return ("none",)
    return ("variant", answer.key, answer.id, answer.enabled, answer.reason)


@given(QUESTIONS)
def test_the_engine_answers_as_the_plain_interpreter(question: Any) -> None:
    check_answer(*question)


@given(DOCUMENTS_OF_CONDITIONS, st.lists(st.tuples(USERS, CONTEXTS, TIMES), min_size=1, max_size=4))
def test_a_condition_holds_as_in_the_plain_interpreter(document: Any, askers: list[Any]) -> None:
    """Documents whose answer shows whether one condition is true, false or unknown."""
    for user, context, now in askers:
        for key in document["definitions"]:
            check_answer(document, key, user, context, now)


def check_answer(document: Any, key: str, user: str | None, context: Any, now: float) -> None:
    try:
        answer = evaluate(document, key, user, context, now)
    except InvalidForm:  # an operand that no value can be compared with
        return
    assert answer == interpret(document, key, user, context, now)


EXAMPLES: dict[str, dict[str, Any]] = {
    "realtime-1": {"prefix": "flag/x:", "half": "second"},
    "murmur32-mod": {"of": 1_000, "seed": 7},
    "murmur32-scaled": {"of": 10_000, "suffix": "7099", "seed": 1},
    "murmur32-abs-percent": {"prefix": "flag"},
    "cbor-murmur32-scaled": {"of": 2**31 - 1, "as": "cbor"},
    "md5-mod": {"of": 100, "suffix": ":r"},
    "md5-32-mod": {"of": 10_000, "prefix": "salt-"},
    "md5-percent": {"prefix": "12,"},
    "sha1-mod": {"of": 100, "prefix": "key"},
    "sha1-unit": {"prefix": "key.salt."},
    "sha256-mod": {"of": 10_000, "prefix": "salt.rule."},
    "java31-mod": {"of": 100, "seed": 2**32 - 1},
    "fnv1a16-1": {"suffix": "seed"},
    "fnv1a16-2": {"prefix": "seed"},
}


def test_every_scheme_has_an_example() -> None:
    assert EXAMPLES.keys() == SCHEMES.keys()


@pytest.mark.parametrize("name", EXAMPLES)
@given(share=st.floats(0, 1), is_closed=st.booleans())
def test_a_bound_separates_raw_integers_as_the_scheme_compares_numbers(
    name: str, share: float, is_closed: bool
) -> None:
    scheme = SCHEMES[name].build(EXAMPLES[name])
    number = share * scheme.end
    bound = find_bound(scheme, number, closed=is_closed)

    def is_reached(raw: int) -> bool:
        read = scheme.read_number(raw)
        return read > number if is_closed else read >= number

    assert bound == scheme.raw_end or is_reached(bound)
    assert bound == 0 or not is_reached(bound - 1)


@pytest.mark.parametrize("name", EXAMPLES)
@given(unit=st.text())
def test_a_scheme_hashes_every_text_into_its_range(name: str, unit: str) -> None:
    scheme = SCHEMES[name].build(EXAMPLES[name])
    raw = scheme.hash_unit(READERS["cbor"](unit) if name.startswith("cbor-") else unit)
    assert 0 <= raw < scheme.raw_end
    assert 0 <= scheme.read_number(raw) <= scheme.end


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@given(value=JSON)
def test_a_reader_reads_every_json_value_or_says_that_it_cannot(reader: Any, value: Any) -> None:
    reader({"user_id": value} if reader is READERS["identity-1.0"] else value)


def define(**fields: Any) -> Any:
    return {"variants": {"on": {}, "off": {}}, "rules": [], **fields}


VERSION = {"attr": "a", "as": "semver"}
SHARD = {"scheme": "murmur32-mod", "of": 100}


@pytest.mark.parametrize(
    ("definition", "problem"),
    [
        (define(rule=[]), ".rule: unknown field; remove it or correct its spelling"),
        (define(rules={}), "rules: must be a list"),
        (define(rules=[{}]), "rules[0].serve: required"),
        (define(rules=[{"serve": {"variant": "blue"}}]), "rules[0].serve.variant: must be one of on, off"),
        (
            define(rules=[{"when": {"test": "near", "of": "user", "value": 1}, "serve": "none"}]),
            "rules[0].when.test: must be one of",
        ),
        (
            define(rules=[{"when": {"test": "lt", "of": {"attr": "a"}, "value": True}, "serve": "none"}]),
            "rules[0].when.value: must be a number, a text or a version",
        ),
        (
            define(
                rules=[
                    {
                        "when": {"test": "lt", "of": {"attr": "a", "as": "semver"}, "value": "x"},
                        "serve": "none",
                    }
                ]
            ),
            "rules[0].when.value: cannot be read by the operand's reader",
        ),
        (
            define(rules=[{"gates": [{"shard": {"scheme": "crc"}, "ranges": []}], "serve": "none"}]),
            "rules[0].gates[0].shard.scheme: must be one of",
        ),
        (
            define(rules=[{"gates": [{"shard": SHARD, "ranges": [[50, 10]]}], "serve": "none"}]),
            "rules[0].gates[0].ranges[0]: must lie within 0 and 100",
        ),
        (
            define(
                rules=[
                    {
                        "serve": {
                            "split": SHARD,
                            "arms": [
                                {"ranges": [[0, 60]], "serve": {"variant": "on"}},
                                {"ranges": [[50, 100]], "serve": {"variant": "off"}},
                            ],
                        }
                    }
                ]
            ),
            "rules[0].serve.arms: must not overlap",
        ),
        (
            define(rules=[{"when": {"shard": SHARD | {"prefix": "\ud800"}, "ranges": []}, "serve": "none"}]),
            "rules[0].when.shard.prefix: must be a text",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_path(definition: Any, problem: str) -> None:
    with pytest.raises(InvalidForm) as refused:
        compile_definition(definition, lambda variant, _enabled, _reason: variant)
    assert str(refused.value).startswith(problem)


def test_a_thousand_rules_need_no_deeper_calls_than_ten() -> None:
    rule = {"when": {"test": "eq", "of": "user", "value": "nobody"}, "serve": {"variant": "off"}}
    definition = define(rules=[rule] * 5_000, default={"variant": "on"})
    document = {"definitions": {"f": definition}}
    assert evaluate(document, "f", "ada", {}, 0.0) == ("variant", "f", "on", True, "")
