"""Words of `explain` for what the registries have."""

from typing import Any

import pytest

from chalicelib.domain.explanation.condition import explain_failure, explain_success
from chalicelib.domain.explanation.form import explain_form
from chalicelib.domain.explanation.question import Question
from chalicelib.domain.explanation.words import READER_KINDS, name_operand, say_relation
from chalicelib.domain.general_form.readers import READERS
from chalicelib.domain.general_form.relations import RELATIONS
from chalicelib.domain.general_form.state import State

NOW = 1_800_000_000.0


def ask(user: str = "ada", **context: Any) -> Question:
    return Question(user, context, State(NOW, lambda _key: None, lambda _key: None))


def test_each_reader_and_relation_has_words() -> None:
    assert set(READER_KINDS) == set(READERS)
    for relation in RELATIONS:
        assert say_relation(relation, True) != say_relation(relation, False)


@pytest.mark.parametrize(
    ("operand", "name"),
    [
        ({"now": 0}, "now"),
        ({"now": -604_800, "as": "instant"}, "now - 1w"),
        ({"now": 5400.0}, "now + 90m"),
        ({"now": 5}, "now + 5s"),
        ({"fn": "cat", "args": ["user", {"attr": ["a", "b"]}]}, "cat(the user's id, a.b)"),
    ],
)
def test_an_operand_is_named_as_people_write_it(operand: Any, name: str) -> None:
    assert name_operand(operand) == name


def test_a_share_that_grows_with_time_shows_what_it_is_now() -> None:
    shard = {"scheme": "murmur32-mod", "of": 1_000, "seed": 80}  # in it ada has the bucket 520
    condition = {"shard": shard, "below": {"from": [NOW - 100, 0], "to": [NOW + 100, 1_000]}}
    text = explain_failure(condition, ask())
    assert text == "bucket 520 is outside [0, 500), which changes with time, of 1,000"


def test_a_network_and_a_set_are_said_in_words() -> None:
    network = {"test": "cidr", "of": {"attr": "ip"}, "value": "10.0.0.0/8"}
    assert explain_success(network, ask(ip="10.1.2.3")) == 'ip is in the network "10.0.0.0/8"'
    tags = {"test": "meets", "of": {"attr": "tags", "as": "fold"}, "value": ["b"]}
    assert explain_failure(tags, ask(tags=["a", 1])) == (
        'tags does not share an element with ["b"], and is ["a", 1]'
    )


def test_a_rule_may_serve_an_experiment() -> None:
    form = {"variants": {}, "rules": [{"id": "test", "serve": {"experiment": "e"}}]}
    (step,) = explain_form(form, ask())
    assert step.result == "asks experiment e, which is explained by itself"


def test_each_part_of_a_nested_condition_is_compiled_once() -> None:
    condition: Any = {"test": "eq", "of": {"attr": "a"}, "value": 1}
    for _ in range(60):
        condition = {"all": [True, {"any": [False, condition]}]}
    question = ask(a=2)
    explain_failure(condition, question)
    assert len(question._compiled) < 250
