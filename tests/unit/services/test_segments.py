"""Flags and experiments whose conditions ask for segments, as the services evaluate them."""

from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.errors import RealtimeError, StorageUnavailable
from chalicelib.domain.evaluation import Evaluations
from chalicelib.domain.reasons import Reason
from chalicelib.services.definitions.catalog import Catalog
from chalicelib.services.evaluate import FlagEvaluator
from realtime.testing.stores import MemoryDefinitions, MemoryMetrics
from tests.support.assigner import NOW
from tests.support.assigner import Container as AssigningContainer
from tests.support.experiments import published, published_flag, published_segment

GERMANS = published_segment("germans", when={"if": "country", "eq": "DE"})
TESTERS = published_segment("testers", include=["ada"], exclude=["bob"], when={"segment": "germans"})
CHECK = 5.0


def using(segment: str, key: str = "f", **fields: Any) -> DefinitionRow:
    """A flag that is on for the users of a segment."""
    rules = [{"when": {"segment": segment}, "serve": "on"}]
    return published_flag(key, **({"rules": rules, "default": "off"} | fields))


class CountingDefinitions(MemoryDefinitions):
    """Counts the calls that load segments; while ``dead``, they raise."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.dead = False

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        self._count(kind, "get_many")
        return super().get_many(kind, keys)

    def get_all(self, kind: DefinitionKind) -> dict[str, DefinitionRow]:
        self._count(kind, "get_all")
        return super().get_all(kind)

    def _count(self, kind: DefinitionKind, name: str) -> None:
        if kind == "segment":
            self.calls[name] += 1
            if self.dead:
                raise StorageUnavailable


class Container:
    def __init__(self, *definitions: DefinitionRow) -> None:
        self.now = 1000.0
        self.store = CountingDefinitions()
        self.publish(*definitions)
        catalog = Catalog(self.store, MemoryMetrics(), check=CHECK, timer=lambda: self.now)
        self.evaluator = FlagEvaluator(catalog.flags, catalog.segments, None)

    def publish(self, *definitions: DefinitionRow) -> None:
        self.store.publish(definitions, self.store.get_changes(None).version, 0.0)

    def evaluate(self, user: str = "u", flag: str = "f", **context: Any) -> tuple[str | None, Reason]:
        evaluation = self.evaluator.evaluate(user, flag, context, NOW)
        return evaluation.variant, evaluation.reason

    def evaluate_all(self, user: str = "u", **context: Any) -> Evaluations:
        return self.evaluator.evaluate_many(user, None, context, NOW)


def test_a_flag_answers_by_its_segment() -> None:
    container = Container(GERMANS, using("germans"))
    assert container.evaluate(country="DE") == ("on", Reason.TARGETING_MATCH)
    assert container.evaluate(country="FR") == ("off", Reason.DEFAULT)


@pytest.mark.parametrize(
    ("user", "country", "variant"),
    [("u", "DE", "on"), ("u", "FR", "off"), ("ada", "FR", "on"), ("bob", "DE", "off")],
)
def test_a_segment_may_use_a_segment(user: str, country: str, variant: str) -> None:
    container = Container(GERMANS, TESTERS, using("testers"))
    assert container.evaluate(user, country=country)[0] == variant
    assert container.evaluate_all(user, country=country).evaluations[0].variant == variant


def test_a_segment_is_loaded_once_and_only_if_it_is_asked_for() -> None:
    container = Container(GERMANS, TESTERS, using("germans"), published_flag("plain"))
    container.evaluate(flag="plain")
    assert container.store.calls == {}
    for _ in range(10):
        container.evaluate(country="DE")
    assert container.store.calls == {"get_many": 1}


def test_all_flags_load_all_segments_with_one_call() -> None:
    segments = [published_segment(f"s{number}", when=True) for number in range(20)]
    container = Container(*segments, *(using(f"s{number}", f"f{number}") for number in range(20)))
    for _ in range(3):
        answers = container.evaluate_all()
        assert {answer.variant for answer in answers.evaluations} == {"on"}
    assert container.store.calls == {"get_all": 1}


def test_a_changed_segment_is_in_force_after_the_next_check_though_the_flag_stays() -> None:
    container = Container(GERMANS, TESTERS, using("testers"))
    assert container.evaluate(country="DE")[0] == "on"
    container.publish(published_segment("germans", when={"if": "country", "eq": "AT"}))
    assert container.evaluate(country="DE")[0] == "on"
    container.now += CHECK
    assert container.evaluate(country="DE")[0] == "off"
    assert container.evaluate(country="AT")[0] == "on"


def test_a_flag_whose_segment_does_not_exist_leaves_the_value_to_the_caller() -> None:
    """Publishing refuses it; for a moment a container may know the flag and not the segment."""
    nested = published_segment("nested", when={"segment": "gone"})
    container = Container(nested, using("gone"), using("nested", "g"), published_flag("plain"))
    assert container.evaluate() == container.evaluate(flag="g") == (None, Reason.NO_VALUE)
    answers = container.evaluate_all()
    assert {answer.flag_key: answer.has_value for answer in answers.evaluations} == {
        "f": False,
        "g": False,
        "plain": True,
    }
    assert answers.failures == {}


def test_segments_in_a_circle_are_an_error_of_the_flag() -> None:
    one = published_segment("one", when={"segment": "other"})
    other = published_segment("other", when={"segment": "one"})
    container = Container(one, other, using("one"), published_flag("plain"))
    with pytest.raises(StorageUnavailable, match="circle"):
        container.evaluate()
    answers = container.evaluate_all()
    assert [answer.flag_key for answer in answers.evaluations] == ["plain"]
    assert list(answers.failures) == ["f"]


def test_a_segment_that_cannot_be_read_fails_only_the_flags_that_use_it() -> None:
    broken = DefinitionRow("segment", "broken", "{", "active")
    container = Container(GERMANS, broken, using("broken"), using("germans", "g"), published_flag("plain"))
    answers = container.evaluate_all(country="DE")
    assert [answer.flag_key for answer in answers.evaluations] == ["g", "plain"]
    assert [type(error) for error in answers.failures.values()] == [StorageUnavailable]
    with pytest.raises(StorageUnavailable, match="stored segment cannot be read"):
        container.evaluate()


def test_without_the_table_of_segments_the_other_flags_still_answer() -> None:
    container = Container(GERMANS, using("germans"), published_flag("plain"))
    container.store.dead = True
    answers = container.evaluate_all(country="DE")
    assert [answer.flag_key for answer in answers.evaluations] == ["plain"]
    assert list(answers.failures) == ["f"]
    assert container.evaluate(flag="plain")[0] == "on"


def test_a_segment_that_was_loaded_serves_while_the_table_is_away() -> None:
    container = Container(GERMANS, using("germans"))
    assert container.evaluate(country="DE")[0] == "on"
    container.store.dead = True
    container.publish(published_segment("germans", when=False))
    container.now += CHECK
    assert container.evaluate(country="DE")[0] == "on"


# Experiments


def test_an_experiment_takes_the_users_of_its_segment() -> None:
    container = AssigningContainer(GERMANS, TESTERS, published(when={"segment": "testers"}))
    assert container.assign("u", country="DE")["reason"] == "ASSIGNED"
    assert container.assign("v", country="FR")["reason"] == "NOT_TARGETED"
    assert container.assign("ada", country="FR")["reason"] == "ASSIGNED"
    assert container.assign_many(user="w", country="DE")["checkout"]["reason"] == "ASSIGNED"


def test_an_experiment_may_ask_for_a_flag() -> None:
    asks = {"flag": "f", "variant": "on"}
    container = AssigningContainer(GERMANS, using("germans"), published(when=asks))
    assert container.assign("u", country="DE")["reason"] == "ASSIGNED"
    assert container.assign("v", country="FR")["reason"] == "NOT_TARGETED"


def test_an_assigned_user_stays_though_the_segment_changes() -> None:
    container = AssigningContainer(GERMANS, published(when={"segment": "germans"}))
    before = container.assign("u", country="DE")
    container.publish(published_segment("germans", when=False))
    container.now += CHECK
    assert container.assign("u", country="DE")["variant"] == before["variant"]
    assert container.assign("v", country="DE")["reason"] == "NOT_TARGETED"


def test_an_experiment_whose_segment_does_not_exist_assigns_nobody_and_stores_nothing() -> None:
    container = AssigningContainer(published(when={"segment": "gone"}), published("other"))
    answers = container.assign_many(user="u")
    assert (answers["checkout"]["variant"], answers["checkout"]["reason"]) == (None, "NO_VALUE")
    assert answers["other"]["reason"] == "ASSIGNED"
    assert container.take_calls()["put"] == 1


def test_an_experiment_with_segments_in_a_circle_fails_alone() -> None:
    circle = published_segment("one", when={"segment": "one"})
    container = AssigningContainer(circle, published(when={"segment": "one"}), published("other"))
    results = container.assigner.assign_many("u", None, {}, NOW)
    assert isinstance(results["checkout"], StorageUnavailable)
    assert not isinstance(results["other"], RealtimeError)


@pytest.mark.parametrize("fields", [{}, {"layer": {"key": "l", "start": 0.0, "end": 0.5}}])
def test_an_experiment_without_its_unit_fails_alone(fields: dict[str, Any]) -> None:
    container = AssigningContainer(published(unit="account", **fields), published("other"))
    results = container.assigner.assign_many("u", None, {}, NOW)
    error = results["checkout"]
    assert isinstance(error, RealtimeError)
    assert error.code == "targeting_key_missing"
    assert str(error.details[0]).startswith("context.account: required")
    assert not isinstance(results["other"], RealtimeError)
