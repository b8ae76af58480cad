"""Flags that serve an experiment: its variant is their answer, stored and counted as by `/assign`."""

import itertools
from collections.abc import Collection
from typing import Any

import pytest

from chalicelib.domain.definitions.model import MAX_BATCH, Evaluation, Segment
from chalicelib.domain.errors import EvaluationTooLong, InvalidInput, NotFound, StorageUnavailable
from chalicelib.domain.general_form.state import EvaluationTime
from chalicelib.services.evaluate import FlagEvaluator
from chalicelib.services.evaluation_time import RequestTime
from tests.support.assigner import Container
from tests.support.experiments import published, published_flag
from tests.support.flags import flag
from tests.support.plane import FixedDefinitions

SPLIT: dict[str, Any] = {
    "variants": {"control": {"weight": 1, "payload": "grey"}, "treatment": {"weight": 1, "payload": "green"}}
}
COLOUR: dict[str, Any] = {
    "type": "string",
    "variants": {"plain": "white"},
    "default": "plain",
    "rules": [{"id": "ours", "serve": {"experiment": "checkout"}}],
}


def make_evaluator(container: Container) -> FlagEvaluator:
    catalog = container.catalog
    return FlagEvaluator(catalog.flags, catalog.segments, None, container.assigner, container.tracker)


class Bench:
    def __init__(self, *, flag: dict[str, Any] = COLOUR, **experiment: Any) -> None:
        definitions = published(**SPLIT | experiment), published_flag("colour", **flag), published_flag("old")
        self.container = Container(*definitions)
        self.flags = make_evaluator(self.container)

    def evaluate(self, user: str | None = "u1", key: str = "colour", **context: Any) -> Evaluation:
        return self.flags.evaluate(user, key, context, self.container.now)

    def evaluate_all(self, user: str = "u1", **options: Any) -> dict[str, Evaluation]:
        answers = self.flags.evaluate_many(user, None, {}, self.container.now, **options)
        assert answers.failures == {}
        return {answer.flag_key: answer for answer in answers.evaluations}


def test_the_answer_is_the_variant_that_assign_gives() -> None:
    bench = Bench()
    for number in range(50):
        answer = bench.evaluate(f"u{number}")
        assigned = bench.container.assign(f"u{number}")
        assert (answer.variant, answer.value) == (assigned["variant"], assigned["payload"])
        assert (answer.flag_key, answer.enabled) == ("colour", True)
        assert assigned["reason"] == "STICKY"


def test_a_new_user_costs_two_calls_a_known_one_one_and_a_hot_one_none() -> None:
    bench = Bench()
    bench.evaluate()
    assert bench.container.take_calls() == {"get": 1, "put": 1}
    bench.evaluate()
    assert bench.container.take_calls() == {}
    other = Container(beside=bench.container)
    flags = make_evaluator(other)
    flags.evaluate("u1", "colour", {}, other.now)
    assert other.take_calls() == {"get": 1}


def test_an_evaluation_counts_an_exposure_and_a_user_who_is_excluded_none() -> None:
    bench = Bench()
    bench.evaluate()
    assert [result.experiment.key for result in bench.container.tracker.exposed] == ["checkout"]
    excluded = Bench(traffic_allocation=0.0)
    answer = excluded.evaluate()
    assert (answer.variant, answer.value, str(answer.reason)) == ("plain", "white", "DEFAULT")
    assert excluded.container.tracker.exposed == []


def test_whom_the_experiment_excludes_gets_what_else_says() -> None:
    rule = {"serve": {"experiment": "checkout"}, "else": {"variant": "plain"}}
    bench = Bench(flag=COLOUR | {"rules": [rule, {"serve": "none"}]}, status="paused")
    assert bench.evaluate().variant == "plain"


def test_a_rule_that_is_not_reached_assigns_nobody() -> None:
    rules = [{"when": {"if": "country", "in": ["DE"]}, "serve": {"experiment": "checkout"}}]
    bench = Bench(flag=COLOUR | {"rules": rules})
    assert bench.evaluate(country="FR").variant == "plain"
    assert bench.container.take_calls() == {}
    bench.evaluate_all()
    assert bench.container.take_calls() == {}


def test_in_bulk_users_are_assigned_in_one_go_and_exposed_only_where_asked() -> None:
    bench = Bench()
    answers = bench.evaluate_all()
    assert answers["colour"].variant == bench.container.assign("u1")["variant"]
    assert answers["old"].variant == "on"
    assert bench.container.tracker.exposed == []
    bench.evaluate_all(expose=True)
    assert len(bench.container.tracker.exposed) == 1


def test_in_bulk_answers_keep_the_order_of_the_question() -> None:
    bench = Bench()
    for keys in (["colour", "old"], ["old", "colour"]):
        answers = bench.flags.evaluate_many("u1", keys, {}, bench.container.now)
        assert [answer.flag_key for answer in answers.evaluations] == keys


def test_an_experiment_that_follows_another_is_reached_in_bulk_too() -> None:
    rules = [{"serve": {"experiment": "checkout"}}, {"serve": {"experiment": "search"}}]
    flag = published_flag("colour", **COLOUR | {"rules": rules})
    first, second = published(**SPLIT | {"traffic_allocation": 0.0}), published("search", **SPLIT)
    container = Container(first, second, flag, published_flag("old"))
    flags = make_evaluator(container)
    answers = flags.evaluate_many("u1", None, {}, container.now, expose=True)
    variant = container.assign("u1", "search")["variant"]
    assert {answer.flag_key: answer.variant for answer in answers.evaluations} == {
        "colour": variant,
        "old": "on",
    }
    assert [result.experiment.key for result in container.tracker.exposed] == ["search"]


def test_where_nobody_assigns_the_value_is_left_to_the_caller() -> None:
    catalog = Bench().container.catalog
    flags = FlagEvaluator(catalog.flags, catalog.segments, None)
    [answer] = flags.evaluate_many("u1", ["colour"], {}, 0.0).evaluations
    assert answer == flags.evaluate("u1", "colour", {}, 0.0)
    assert (answer.variant, answer.has_value, str(answer.reason)) == (None, False, "NO_VALUE")


def test_a_store_that_fails_fails_only_the_flag_that_needs_it() -> None:
    bench = Bench()
    bench.container.rows.failing["get"] = bench.container.rows.failing["get_many"] = StorageUnavailable()
    with pytest.raises(StorageUnavailable):
        bench.evaluate()
    answers = bench.flags.evaluate_many("u1", None, {}, bench.container.now)
    assert [answer.flag_key for answer in answers.evaluations] == ["old"]
    assert [*answers.failures] == ["colour"]


def test_an_experiment_needs_a_user() -> None:
    with pytest.raises(InvalidInput) as caught:
        Bench().evaluate(None)
    assert caught.value.code == "targeting_key_missing"


def test_an_experiment_that_was_removed_leaves_the_value_to_the_caller() -> None:
    bench = Bench(flag=COLOUR | {"rules": [{"serve": {"experiment": "gone"}}]})
    answer = bench.evaluate()
    assert (answer.variant, answer.has_value, str(answer.reason)) == (None, False, "NO_VALUE")
    assert '"value"' not in answer.openfeature
    assert bench.evaluate_all()["colour"].has_value is False


def test_a_flag_that_clients_may_not_see_does_not_exist_for_them() -> None:
    bench = Bench(flag=COLOUR | {"client_visible": False})
    with pytest.raises(NotFound):
        bench.flags.evaluate("u1", "colour", {}, 0.0, only_client=True)
    answers = bench.flags.evaluate_many("u1", None, {}, 0.0, only_client=True)
    assert [answer.flag_key for answer in answers.evaluations] == ["old"]
    named = bench.flags.evaluate_many("u1", ["colour", "old"], {}, 0.0, only_client=True)
    assert [*named.failures] == ["colour"]
    assert named.failures["colour"].code == "flag_not_found"


def test_a_winner_is_everybodys() -> None:
    bench = Bench(status="completed", serve="treatment")
    assert {bench.evaluate(f"u{n}").value for n in range(20)} == {"green"}
    assert str(bench.evaluate().reason) == "WINNER"


def test_by_an_alias_the_answer_is_under_the_alias() -> None:
    bench = Bench(flag=COLOUR | {"alias": "Farbe / Kasse"})
    assert bench.evaluate(key="Farbe / Kasse").flag_key == "colour"
    answers = bench.flags.evaluate_many("u1", ["Farbe / Kasse", "old", "gone"], {}, bench.container.now)
    members = [answer.member.partition(":")[0] for answer in answers.evaluations]
    assert members == ['"Farbe / Kasse"', '"old"']
    assert [*answers.failures] == ["gone"]


def test_a_flag_that_is_not_listed_is_answered_to_who_names_it_only() -> None:
    bench = Bench(flag=COLOUR | {"listed": False, "alias": "Farbe"})
    assert [*bench.evaluate_all()] == ["old"]
    for name in ("colour", "Farbe"):
        assert bench.evaluate(key=name).variant is not None
        (answer,) = bench.flags.evaluate_many("u1", [name], {}, bench.container.now).evaluations
        assert answer.variant is not None


def test_a_flag_that_is_not_listed_may_be_a_prerequisite_of_one_that_is() -> None:
    needs = {"default_variant": "off", "prerequisites": [{"flag": "colour", "variants": ["on"]}]}
    container = Container(published_flag("colour", listed=False), published_flag("new", **needs))
    (answer,) = make_evaluator(container).evaluate_many("u1", None, {}, container.now).evaluations
    assert (answer.flag_key, answer.variant) == ("new", "on")


def test_the_experiment_spends_the_time_of_the_request_that_asks_for_the_flag() -> None:
    conditions = [{"if": "a", "matches": f"(a|b){number}$"} for number in range(100)]
    bench = Bench(when={"any": conditions})
    container, clock = bench.container, itertools.count(0, 0.5)
    catalog = container.catalog
    flags = FlagEvaluator(
        catalog.flags,
        catalog.segments,
        None,
        container.assigner,  # whose own time is unlimited
        container.tracker,
        lambda: RequestTime(1.0, clock.__next__),
    )
    with pytest.raises(EvaluationTooLong):
        flags.evaluate("u1", "colour", {"a": "x"}, container.now)
    answers = flags.evaluate_many("u1", None, {"a": "x"}, container.now)
    assert {key: error.code for key, error in answers.failures.items()} == {"colour": "evaluation_too_long"}
    assert [answer.flag_key for answer in answers.evaluations] == ["old"]


class NoExperiments:
    """An assigner that knows none of them: such a flag answers its default."""

    def __init__(self) -> None:
        self.asked: list[Collection[str]] = []

    def assign(self, *_: Any) -> Any:
        raise AssertionError("one by one")

    def assign_many(
        self, user_id: str, experiment_keys: Collection[str] | None, *_: Any, time: EvaluationTime
    ) -> dict[str, Any]:
        del user_id, time
        assert experiment_keys is not None
        self.asked.append(experiment_keys)
        return {key: NotFound.experiment(key) for key in experiment_keys}


def test_flags_beyond_a_thousand_experiments_fail_alone() -> None:
    number = MAX_BATCH + 2
    rules = [[{"id": "ours", "serve": {"experiment": f"e{n}"}}] for n in range(number)]
    flags = [flag(f"f{n}", **COLOUR | {"rules": rules[n]}) for n in range(number)]
    assigner, no_segments = NoExperiments(), FixedDefinitions[Segment]()
    service = FlagEvaluator(FixedDefinitions(*flags, flag("old")), no_segments, None, assigner)
    answers = service.evaluate_many("u1", None, {}, 0.0)
    assert [len(keys) for keys in assigner.asked] == [MAX_BATCH]
    assert {error.code for error in answers.failures.values()} == {"too_many_experiments"}
    assert (len(answers.evaluations), len(answers.failures)) == (MAX_BATCH + 1, 2)
    assert "ask for fewer by flag_keys" in str(next(iter(answers.failures.values())))
    rest = service.evaluate_many("u1", [*answers.failures], {}, 0.0)
    assert (len(rest.evaluations), rest.failures) == (2, {})
