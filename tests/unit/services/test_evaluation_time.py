"""What a request may spend on decisions ends in an honest error, never in a wrong answer."""

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.api.http import get_status
from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.compiler import load_segment
from chalicelib.domain.definitions.model import Flag, Segment
from chalicelib.domain.errors import EvaluationTooLong
from chalicelib.services.evaluate import FlagEvaluator
from chalicelib.services.evaluation_time import CHECKS_A_READ, EVALUATION_SECONDS, RequestTime
from tests.support.experiments import experiment
from tests.support.flags import flag, rules, where
from tests.support.plane import FixedDefinitions
from tests.support.timing import assert_takes_less

LETTERS = "".join(map(chr, range(0x4E00, 0x4E00 + 10_900)))
assert len(LETTERS.encode()) < 32 * 1024


def evaluator(
    *flags: Flag,
    new_time: Callable[[], RequestTime] = lambda: RequestTime(EVALUATION_SECONDS),
    segments: Any = (),
) -> FlagEvaluator:
    found: FixedDefinitions[Segment] = FixedDefinitions(*segments)
    return FlagEvaluator(FixedDefinitions(*flags), found, None, new_time=new_time)


def matching(pattern: str) -> dict[str, Any]:
    return {"rule": where("a", "match_regex", pattern)}


def with_patterns(number: int, key: str = "f", version: str = "2.0") -> Flag:
    """Each of which tells another letter from the rest."""
    parts = [matching(rf"^user-{n}\d+@corp{n}\.example$|[^a-f{LETTERS[n]}]{n}") for n in range(number)]
    return flag(key, targeting_rules=rules(*parts, version=version))


def slow_clock(step: float) -> Callable[[], RequestTime]:
    """One second, of which every look at the clock takes ``step``."""
    return lambda: RequestTime(1.0, itertools.count(0, step).__next__)


def test_sixty_flags_about_thousands_of_letters_share_what_they_know_of_them() -> None:
    parts = [rules(matching(rf"(a|b){n}\d+$"), version="2.0") for n in range(60)]
    service = evaluator(*[flag(f"f{n}", targeting_rules=part) for n, part in enumerate(parts)])
    texts = itertools.cycle([LETTERS, LETTERS[::-1]])
    service.evaluate_many("u", None, {"a": next(texts)}, 0.0)

    def evaluate() -> None:
        answers = service.evaluate_many("u", None, {"a": next(texts)}, 0.0)
        assert len(answers.evaluations) == 60

    assert_takes_less(evaluate, 0.06)


def test_rules_that_tell_the_letters_apart_end_in_time() -> None:
    seconds = 0.1
    service = evaluator(with_patterns(200), new_time=lambda: RequestTime(seconds))
    texts = itertools.cycle([LETTERS, LETTERS[::-1]])

    def evaluate() -> None:
        try:
            answer = service.evaluate("u", "f", {"a": next(texts)}, 0.0)
        except EvaluationTooLong:
            return
        assert answer.variant == "off"

    evaluate()
    assert_takes_less(evaluate, 4 * seconds)


@pytest.mark.parametrize(
    ("operator", "value", "more", "text"),
    [
        ("semantic_version", "1.0.0", "gte", "1.0.0-" + "a.1." * 2_000 + "{}"),
        ("semantic_version", "1.0.0", "lt", "1.0.0-" + "a.1." * 2_000 + "{}"),
        ("between", 1, 9, "1" * 8_000 + "{}"),
        ("lt", 1, None, "1" * 8_000 + "{}"),
    ],
)
def test_a_thousand_rules_about_long_versions_and_numbers_read_each_once(
    operator: str, value: Any, more: Any, text: str
) -> None:
    def rule(attribute: str) -> dict[str, Any]:
        condition = {"attribute": attribute, "operator": operator, "value": value}
        return {"conditions": [condition if more is None else condition | {"additional_value": more}]}

    parts = [{"rule": rule("abcd"[n % 4])} for n in range(1_000)]
    service = evaluator(flag("f", targeting_rules=rules(*parts, version="2.0")))
    context = {name: text.format(name) for name in "abcd"}
    service.evaluate("u", "f", dict(context), 0.0)
    assert_takes_less(lambda: service.evaluate("u", "f", dict(context), 0.0), 0.05)


def test_an_error_says_so_and_is_no_answer() -> None:
    service = evaluator(with_patterns(40), new_time=slow_clock(2.0))
    with pytest.raises(EvaluationTooLong, match="smaller context") as caught:
        service.evaluate("u", "f", {"a": LETTERS}, 0.0)
    assert (caught.value.code, get_status(caught.value)) == ("evaluation_too_long", 500)


def test_of_many_flags_those_that_were_decided_in_time_have_their_answers() -> None:
    flags = [with_patterns(20, f"f{n}") for n in range(10)]
    answers = evaluator(*flags, flag("cheap"), new_time=slow_clock(0.2)).evaluate_many(
        "u", None, {"a": "x"}, 0.0
    )
    decided = [evaluation.flag_key for evaluation in answers.evaluations]
    assert 1 < len(decided) < 11
    assert decided[-1] == "cheap"
    assert {error.code for error in answers.failures.values()} == {"evaluation_too_long"}
    assert len(decided) + len(answers.failures) == 11


def test_an_experiment_is_held_to_it_too() -> None:
    targeted = experiment("checkout", targeting_rules=rules(*[matching(rf"(a|b){n}$") for n in range(100)]))
    with pytest.raises(EvaluationTooLong):
        decide(targeted, "u", {"a": "x"}, 0.0, lambda: None, time=slow_clock(0.5)())


def test_a_definition_with_many_tests_is_checked_though_none_is_costly() -> None:
    parts = [{"rule": where("a", "gt", n)} for n in range(60)]
    flags = [flag(f"f{n}", targeting_rules=rules(*parts)) for n in range(40)]
    answers = evaluator(*flags, new_time=slow_clock(2.0)).evaluate_many("u", None, {"a": -1}, 0.0)
    assert answers.failures


def test_what_a_definition_takes_to_compile_is_not_spent() -> None:
    clock = itertools.count(0, 0.4)
    time = RequestTime(1.0, clock.__next__)
    for _ in range(CHECKS_A_READ):
        time.check()
    with time.exclude():
        for _ in range(100):
            next(clock)
    for _ in range(CHECKS_A_READ * 2 - 1):
        time.check()
    for _ in range(2):  # once it is spent, it stays so
        with pytest.raises(EvaluationTooLong):
            time.check()


def test_segments_that_share_segments_are_evaluated_once_each() -> None:
    """Twenty levels of two references each would be a million evaluations."""
    documents: list[dict[str, Any]] = [
        {"key": f"s{n}", "when": {"any": [{"segment": f"s{n + 1}"}] * 2}} for n in range(19)
    ]
    documents.append({"key": "s19", "when": {"if": "country", "eq": "DE"}})
    segments = [load_segment(json.dumps(document), 1) for document in documents]
    asked = flag("f", rules=[{"id": "r", "when": {"segment": "s0"}, "serve": "on"}], default="off")
    service = evaluator(asked, segments=segments)
    for country, variant in (("FR", "off"), ("DE", "on")):
        assert service.evaluate("u", "f", {"country": country}, 0.0).variant == variant
    assert_takes_less(lambda: service.evaluate("u", "f", {"country": "FR"}, 0.0), 0.001)
