"""Random mistakes in valid definitions: a problem whose path people find in what they wrote, nothing else."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag, parse_segment
from chalicelib.domain.errors import InvalidInput, Problem
from tests.support import rule_strategies

WRONG: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.5, 10**6, "", "x", "20%", "101%", "now", "2026-01-31", [], {}),
    *([1], ["x"], [[0, 5], [3, 9]], [[9, 1]], [[-1, 2**40]], {"a": 1}, {"scheme": [1]}, {"attribute": []}),
    *({"bucket": 10**9}, {"of": "a", "missing": {"bucket": 10**9}}, {"rest": False, "serve": "on"}),
    *({"if": "a", "item": "a", "eq": 1}, {"variant": "on", "flag": "f"}, {"key": "x", "value": 1}),
]
FIELDS = ["if", "as", "missing", "list", "unit", "closed", "of", "serve", "segment", "scheme", "else", "wehn"]


def list_places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of each part of ``value``."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        yield value, name
        yield from list_places(part)


def has_path(value: Any, path: str) -> bool:
    """Whether all but the last step of ``path`` lead somewhere in ``value``."""
    if not path.strip(".["):
        return True
    if isinstance(value, list):
        index, _, rest = path.removeprefix("[").partition("]")
        if not path.startswith("[") or not index.isdecimal():
            return False
        return int(index) < len(value) and has_path(value[int(index)], rest)
    name = path.removeprefix(".")
    if isinstance(value, dict):
        steps = [key for key in value if name == key or name.startswith((f"{key}.", f"{key}["))]
        if any(has_path(value[key], name[len(key) :]) for key in steps):
            return True
    return not path.startswith("[") and "." not in name and "[" not in name


@st.composite
def mutate(draw: st.DrawFn, valid: st.SearchStrategy[Any]) -> Any:
    document = copy.deepcopy(draw(valid))
    for _ in range(draw(st.integers(1, 2))):
        places = [place for place in list_places(document) if place != (document, "key")]
        if not places:
            break
        container, name = places[draw(st.integers(0, len(places) - 1))]
        if isinstance(container, dict) and draw(st.integers(0, 3)) == 0:
            del container[name]
        elif isinstance(container, dict) and draw(st.integers(0, 3)) == 0:
            container[draw(st.sampled_from(FIELDS))] = copy.deepcopy(draw(st.sampled_from(WRONG)))
        else:
            container[name] = copy.deepcopy(draw(st.sampled_from(WRONG)))
    return document


def check(parse: Callable[[object], object], document: Any) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        parse(document)
    except InvalidInput as error:
        problems = error.details
    for problem in problems:
        assert problem.message
        assert has_path(document, problem.path), str(problem)


@given(mutate(rule_strategies.flags()))
def test_a_mistake_in_a_flag_has_the_path_that_was_written(document: Any) -> None:
    check(parse_flag, document)


@given(mutate(rule_strategies.experiments()))
def test_a_mistake_in_an_experiment_has_the_path_that_was_written(document: Any) -> None:
    check(parse_experiment, document)


@given(mutate(rule_strategies.segments()))
def test_a_mistake_in_a_segment_has_the_path_that_was_written(document: Any) -> None:
    check(parse_segment, document)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", True),
        ("rules[0].when.if", True),
        ("rules[0].gone", True),
        ("rules[0].gone.if", False),
        ("rules[1].serve", False),
        ("rules[0].serve.arms[0]", False),
        ("variants.v1.2.value", True),
    ],
)
def test_a_path_leads_somewhere_up_to_its_last_step(path: str, expected: bool) -> None:
    document = {"rules": [{"when": {"if": "a"}, "serve": {"split": []}}], "variants": {"v1.2": {"value": 1}}}
    assert has_path(document, path) is expected
