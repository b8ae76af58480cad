"""Bulk answers that Lambda cannot deliver are refused at publish, with their sum."""

import json
from typing import Any

import pytest

from chalicelib.domain.definitions.answer_sizes import MAX_BYTES, measure_experiments, measure_flags
from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag
from chalicelib.domain.definitions.consistency import check_set
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.publishing.documents import DefinitionName, Document
from chalicelib.domain.publishing.lint.sets import lint_set
from tests.support.experiments import document
from tests.support.flags import answer, flag

TEXT = 'é "quoted" 🙂' * 2_500


def fields(key: str, value: Any = TEXT, **more: Any) -> dict[str, Any]:
    variants = [{"key": "a", "value": value}, {"key": "b", "value": ""}]
    return {"key": key, "type": "string", "variants": variants, "default_variant": "a"} | more


def test_the_size_is_that_of_the_answer_as_the_function_returns_it() -> None:
    built = answer(flag(**fields("f", overrides={"u1": "a"})))
    [(size, _)] = measure_flags([parse_flag(fields("f"))])
    assert 0 <= size - len(json.dumps(f"{built.member},")) + 2 < 100  # the longest reason and version


def test_a_set_whose_bulk_answer_is_too_large_is_refused_with_the_sum() -> None:
    [(size, _)] = measure_flags([parse_flag(fields("f0"))])
    fitting = MAX_BYTES // (size + 2)
    flags = [parse_flag(fields(f"f{number}")) for number in range(fitting + 1)]
    assert check_set(flags[:-1]) == []
    [(name, problem)] = check_set(flags)
    total = sum(size for size, _ in measure_flags(flags))
    assert name[0] == "flag"
    assert f"can have {total:,} bytes" in problem.message
    assert "listed: false" in problem.message
    assert check_set([*flags[:-1], parse_flag(fields("unlisted", listed=False))]) == []


def test_assignments_of_a_page_are_held_to_it_too() -> None:
    variants = [{"key": "a", "allocation": 1, "payload": "x" * 200_000}]
    experiments = [parse_experiment(document(f"e{number}", variants=variants)) for number in range(40)]
    [(name, problem)] = check_set(experiments)
    assert name[0] == "experiment"
    assert "an answer for assignments (40)" in problem.message
    assert len(measure_experiments(experiments * 30)) == 1_000
    completed = [each.model_copy(update={"status": "completed"}) for each in experiments]
    assert check_set(completed) == []


def serving(key: str, serve: dict[str, Any], **more: Any) -> FlagDocument:
    rules = [{"id": "r", "serve": serve}]
    return parse_flag(
        {"key": key, "type": "string", "variants": {"plain": ""}, "default": "plain", "rules": rules} | more
    )


SPLIT = {
    "split": [{"rest": True, "serve": {"experiment": "large"}}],
    "of": {"scheme": "realtime-1", "prefix": "x:", "half": "first"},
}


@pytest.mark.parametrize("serve", [{"experiment": "large"}, {"flag": "between"}, SPLIT])
def test_what_flags_serve_from_experiments_and_other_flags_is_in_the_sum(serve: dict[str, Any]) -> None:
    variants = [{"key": "a", "allocation": 1, "payload": TEXT}]
    large = parse_experiment(document("large", variants=variants))
    between = serving("between", {"experiment": "large"}, listed=False)
    flags = [serving(f"f{number}", serve) for number in range(100)]
    assert check_set([large, between, *flags[:10]]) == []
    sized = measure_flags([large, between, *flags])
    payload = len(json.dumps(json.dumps(TEXT)))
    assert [flag.key for _, flag in sized] == [flag.key for flag in flags]
    assert all(payload < size < payload + 300 for size, _ in sized)
    [(_, problem)] = check_set([large, between, *flags])
    assert "all listed flags (100)" in problem.message


def test_what_a_load_balancer_would_refuse_is_a_warning() -> None:
    flags: dict[DefinitionName, Document] = {
        ("flag", f"f{number}"): parse_flag(fields(f"f{number}")) for number in range(25)
    }
    messages = [problem.message for _, problem in lint_set(flags) if "load balancer" in problem.message]
    assert len(messages) == 1
    assert check_set(flags.values()) == []
