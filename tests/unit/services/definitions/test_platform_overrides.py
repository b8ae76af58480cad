"""The platform's overrides: who gets them, and how often the table is read."""

from collections.abc import Mapping
from dataclasses import replace

from chalicelib.domain import assignment
from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.reasons import Reason
from chalicelib.services.definitions.platform_overrides import REFRESH_INTERVAL_SECONDS, PlatformOverrides
from realtime.testing.stores import MemoryMetrics
from tests.support.assigner import Container
from tests.support.experiments import experiment, published

NOW = 1_800_000_000.0


class Table:
    def __init__(self, rows: dict[str, dict[str, str]]) -> None:
        self.rows, self.reads, self.dead = rows, 0, False

    def get_all(self, now: float) -> Mapping[str, Mapping[str, str]]:
        self.reads += 1
        if self.dead:
            raise StorageUnavailable
        return {target: dict(users) for target, users in self.rows.items()}


class Platform:
    def __init__(self, own: Experiment, **rows: dict[str, str]) -> None:
        self.now, self.own = NOW, own
        self.table = Table(rows)
        self.metrics = MemoryMetrics()
        self.overrides = PlatformOverrides(self.table, self.metrics, lambda: self.now)

    def decide(self, user: str) -> tuple[str | None, Reason]:
        decision = assignment.decide(self.overrides.apply(self.own), user, {}, self.now, lambda: None)
        return decision.variant, decision.reason


def test_a_user_in_the_table_is_overridden_by_the_experiments_id() -> None:
    platform = Platform(experiment(id="exp1"), exp1={"tester": "treatment"})
    assert platform.decide("tester") == ("treatment", Reason.OVERRIDE)
    assert platform.decide("visitor")[1] == Reason.ASSIGNED


def test_the_definitions_own_override_wins() -> None:
    platform = Platform(experiment(overrides={"tester": "control"}), checkout={"tester": "treatment"})
    assert platform.decide("tester") == ("control", Reason.OVERRIDE)


def test_a_variant_that_the_experiment_does_not_have_overrides_nothing() -> None:
    platform = Platform(experiment(), checkout={"tester": "gone"})
    assert platform.decide("tester")[1] == Reason.ASSIGNED


def test_an_experiment_without_overrides_is_the_catalogs_own() -> None:
    own = experiment()
    assert Platform(own).overrides.apply(own) is own


def test_named_and_all_experiments_are_overridden_too() -> None:
    metrics = MemoryMetrics()
    overrides = PlatformOverrides(Table({"checkout": {"tester": "treatment"}}), metrics, lambda: NOW)
    container = Container(published(), apply_overrides=overrides.apply)
    expected = container.assign("tester")
    assert (expected["variant"], expected["reason"]) == ("treatment", "OVERRIDE")
    assert container.assign_many(user="tester")["checkout"] == expected
    answers = container.assign_many("checkout", "missing", user="tester")
    assert answers["checkout"] == expected
    assert answers["missing"]["error"]["code"] == "experiment_not_found"


def test_an_experiment_loaded_again_for_a_newer_row_is_overridden_too() -> None:
    table = Table({})
    overrides = PlatformOverrides(table, MemoryMetrics(), lambda: clock)
    clock = NOW
    container = Container(published(), apply_overrides=overrides.apply)
    container.assign("warm")
    container.publish(published(traffic_allocation=0.5))
    newer = Container(beside=container)
    user = next(user for user in map(str, range(100)) if newer.assign(user)["variant"] == "control")
    table.rows, clock = {"checkout": {user: "treatment"}}, NOW + REFRESH_INTERVAL_SECONDS
    container.rows.rows["checkout", user] = replace(container.rows.rows["checkout", user], variant="gone")
    assert container.assign(user)["reason"] == "OVERRIDE"


def test_the_table_is_read_again_after_half_a_minute_only() -> None:
    platform = Platform(experiment())
    platform.decide("tester")
    platform.table.rows = {"checkout": {"tester": "treatment"}}
    platform.now += REFRESH_INTERVAL_SECONDS - 0.001
    assert platform.decide("tester")[1] == Reason.ASSIGNED
    platform.now += 0.001
    assert platform.decide("tester") == ("treatment", Reason.OVERRIDE)
    assert platform.table.reads == 2


def test_the_last_overrides_apply_while_the_table_cannot_be_read() -> None:
    platform = Platform(experiment(), checkout={"tester": "treatment"})
    platform.decide("tester")
    platform.table.dead = True
    platform.now += REFRESH_INTERVAL_SECONDS
    assert platform.decide("tester") == ("treatment", Reason.OVERRIDE)
    assert platform.metrics.recorded["OverridesUnreadable"] == [1]
