"""Which definitions of experiments are valid, and the problems of the others."""

import re
from typing import Any

import pytest
import yaml

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.compiler import compile_experiment, load_experiment, parse_experiment
from chalicelib.domain.definitions.consistency import check_set
from chalicelib.domain.errors import InvalidInput
from tests.support.experiments import document, shares
from tests.support.paths import ROOT


def list_problems(**fields: Any) -> list[str]:
    """The problems for which an experiment with ``fields`` is refused."""
    with pytest.raises(InvalidInput) as caught:
        parse_experiment(document(**fields))
    return [str(problem) for problem in caught.value.details]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"variants": shares(a=0.5, b=0.4)}, "variants: the allocations sum to 0.9, they must sum to 1"),
        (
            {"variants": [{"key": "a", "allocation": 1.5}]},
            "variants[0].allocation: must be at most 1",
        ),
        (
            {"variants": [{"key": "a", "allocation": "1"}]},
            "variants[0].allocation: must be a number",
        ),
        (
            {"variants": [{"key": "a", "allocation": float("nan")}]},
            "variants[0].allocation: must be a finite number",
        ),
        ({"variants": shares(a=0.5) * 2}, "variants: the key 'a' occurs twice"),
        ({"variants": []}, "variants: must not be empty"),
        (
            {"variants": [{"key": "a b", "allocation": 1.0}]},
            "variants[0].key: must be 1 to 128 of A-Z a-z 0-9 . _ -",
        ),
        ({"key": "x/y"}, "key: must be 1 to 128 of A-Z a-z 0-9 . _ -"),
        ({"key": "x" * 129}, "key: must be 1 to 128 of A-Z a-z 0-9 . _ -"),
        ({"key": "line\n"}, "key: must be 1 to 128 of A-Z a-z 0-9 . _ -"),
        ({"salt": "a:b"}, "salt: must be 1 to 128 of A-Z a-z 0-9 . _ -"),
        ({"status": "running"}, "status: must be 'draft', 'active', 'paused' or 'completed'"),
        ({"traffic_allocation": 80}, "traffic_allocation: must be at most 1"),
        ({"trafic": 1}, "trafic: unknown field; did you mean traffic_allocation?"),
        ({"overrides": {"qa": "blue"}}, "overrides: no variant 'blue'; there are control, treatment"),
        ({"layer": {"key": "l", "start": 0.5, "end": 0.5}}, "layer: start must be below end"),
        ({"holdout": {"key": "h", "share": 1.1}}, "holdout.share: must be at most 1"),
        ({"holdout": {"share": 0.1}}, "holdout.key: required"),
        (
            {"start_at": "2026-01-31T09:00:00"},
            "start_at: must be a date-time with an offset, such as 2026-01-31T09:00:00Z",
        ),
        (
            {"start_at": "2026-02-01T00:00:00Z", "end_at": "2026-02-01T00:00:00Z"},
            "start_at must be before end_at",
        ),
        ({"start_at": "soon"}, "start_at: must be a date-time with an offset, such as 2026-01-31T09:00:00Z"),
        ({"sticky": 1}, "sticky: must be true or false"),
        (
            {"variants": [{"key": "a", "allocation": 1.0, "payload": {"list": [1, {"b": float("inf")}]}}]},
            "variants[0].payload.list[1].b: must be a finite number",
        ),
        ({"iteration": 0}, "iteration: must be at least 1"),
        ({"metrics": ["a\n"]}, "metrics[0]: must have 1 to 128 characters, without control characters"),
        ({"metrics": ["$other"]}, "metrics[0]: must not be $other"),
        ({"targeting_rules": {"version": "1.0", "rules": [{"id": "r"}]}}, "targeting_rules.rules[0].rule: "),
    ],
)
def test_a_mistake_is_refused_with_its_path(fields: dict[str, Any], expected: str) -> None:
    problems = list_problems(**fields)
    assert any(problem.startswith(expected) for problem in problems), problems


def test_all_mistakes_are_reported_at_once() -> None:
    assert len(list_problems(key="x/y", status="running", traffic_allocation=2)) == 3


def test_a_definition_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidInput):
        parse_experiment(["checkout"])


@pytest.mark.parametrize(
    "allocations", [[0.1] * 10, [1 / 3] * 3, [0.34, 0.33, 0.33], [0.07, 0.93], [1.0, 0.0]]
)
def test_shares_that_sum_to_1_as_written_or_nearly_are_taken(allocations: list[float]) -> None:
    variants = [{"key": f"v{index}", "allocation": share} for index, share in enumerate(allocations)]
    assert len(parse_experiment(document(variants=variants)).variants) == len(allocations)


def test_absent_fields_have_defaults_that_restrict_nobody() -> None:
    text = '{"key": "k", "status": "active", "variants": [{"key": "a", "allocation": 1}]}'
    experiment = load_experiment(text, 7)
    assert (experiment.id, experiment.version, experiment.iteration) == ("k", 7, 1)
    assert (experiment.is_sticky, experiment.gates, experiment.salt) == (True, None, "k")
    users = [f"u{n}" for n in range(100)]
    assert {decide(experiment, user, {}, 0.0, lambda: None).variant for user in users} == {"a"}


def test_an_unset_status_serves_nobody() -> None:
    experiment = load_experiment('{"key": "k", "variants": [{"key": "a", "allocation": 1}]}')
    assert experiment.status == "draft"


def test_an_iteration_has_a_salt_that_no_other_experiment_can_have() -> None:
    second = compile_experiment(parse_experiment(document("k", iteration=2)))
    assert second.salt == "k/2"
    assert compile_experiment(parse_experiment(document("k.2"))).salt == "k.2"


def test_the_example_in_the_documentation_is_valid() -> None:
    text = (ROOT / "docs" / "assignment.md").read_text("utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        definitions = yaml.safe_load(example)
        assert definitions.keys() == {"experiments"}
        (experiment,) = (parse_experiment(document) for document in definitions["experiments"])
        assert check_set([experiment]) == []
