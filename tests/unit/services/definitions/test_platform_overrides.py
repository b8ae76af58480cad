"""The platform's overrides, embedded."""

from collections.abc import Collection, Mapping

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.model import DefinitionKind, Experiment
from chalicelib.domain.errors import NotFound, RealtimeError, StorageUnavailable
from chalicelib.domain.reasons import Reason
from chalicelib.services.definitions.platform_overrides import SECONDS, Overridden
from realtime.testing.stores import MemoryMetrics
from tests.support.experiments import experiment

NOW = 1_800_000_000.0


class Catalog:
    def __init__(self, *experiments: Experiment) -> None:
        self.all = {one.key: one for one in experiments}

    def experiment(self, key: str) -> Experiment | None:
        return self.all.get(key)

    def renewed(self, key: str) -> Experiment | None:
        return self.all.get(key)

    def some_experiments(self, keys: Collection[str]) -> Mapping[str, Experiment | RealtimeError]:
        return {key: self.all.get(key) or NotFound("x", "x") for key in keys}

    def experiments(self) -> Mapping[str, Experiment]:
        return self.all

    def unreadable(self, kind: DefinitionKind) -> Mapping[str, RealtimeError]:
        return {kind: NotFound("x", "x")}


class Table:
    def __init__(self, rows: dict[str, dict[str, str]]) -> None:
        self.rows, self.reads, self.dead = rows, 0, False

    def all(self, now: float) -> Mapping[str, Mapping[str, str]]:
        self.reads += 1
        if self.dead:
            raise StorageUnavailable
        return {target: dict(users) for target, users in self.rows.items()}


class Platform:
    def __init__(self, *experiments: Experiment, **rows: dict[str, str]) -> None:
        self.now = NOW
        self.table = Table(rows)
        self.metrics = MemoryMetrics()
        self.catalog = Overridden(Catalog(*experiments), self.table, self.metrics, lambda: self.now)

    def variant(self, user: str, key: str = "checkout") -> tuple[str | None, Reason]:
        found = self.catalog.experiment(key)
        assert found is not None
        decision = decide(found, user, {}, self.now, lambda: None)
        return decision.variant, decision.reason


def test_a_user_in_the_table_is_overridden_by_the_experiments_id() -> None:
    platform = Platform(experiment(id="exp1"), exp1={"tester": "treatment"})
    assert platform.variant("tester") == ("treatment", Reason.OVERRIDE)
    assert platform.variant("somebody")[1] == Reason.ASSIGNED


def test_the_definitions_own_override_wins() -> None:
    platform = Platform(experiment(overrides={"tester": "control"}), checkout={"tester": "treatment"})
    assert platform.variant("tester") == ("control", Reason.OVERRIDE)


def test_a_variant_that_the_experiment_does_not_have_overrides_nothing() -> None:
    platform = Platform(experiment(), checkout={"tester": "gone"})
    assert platform.variant("tester")[1] == Reason.ASSIGNED


def test_an_experiment_without_overrides_is_the_catalogs_own() -> None:
    own = experiment()
    assert Platform(own).catalog.experiment("checkout") is own
    assert Platform(own).catalog.experiment("missing") is None
    assert Platform(own).catalog.renewed("missing") is None


def test_all_and_some_experiments_are_overridden_too() -> None:
    catalog = Platform(experiment(), checkout={"tester": "treatment"}).catalog
    some = catalog.some_experiments(["checkout", "missing"])
    assert some["checkout"] == catalog.experiments()["checkout"] == catalog.experiment("checkout")
    assert some["checkout"] == catalog.renewed("checkout")
    assert set(catalog.unreadable("experiment")) == {"experiment"}
    assert isinstance(some["missing"], NotFound)


def test_the_table_is_read_again_after_half_a_minute_only() -> None:
    platform = Platform(experiment())
    platform.variant("tester")
    platform.table.rows = {"checkout": {"tester": "treatment"}}
    platform.now += SECONDS - 0.001
    assert platform.variant("tester")[1] == Reason.ASSIGNED
    platform.now += 0.001
    assert platform.variant("tester") == ("treatment", Reason.OVERRIDE)
    assert platform.table.reads == 2


def test_the_last_overrides_apply_while_the_table_cannot_be_read() -> None:
    platform = Platform(experiment(), checkout={"tester": "treatment"})
    platform.variant("tester")
    platform.table.dead = True
    platform.now += SECONDS
    assert platform.variant("tester") == ("treatment", Reason.OVERRIDE)
    assert platform.metrics.recorded["OverridesUnreadable"] == [1]
