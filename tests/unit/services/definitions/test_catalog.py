"""The catalog: how often it calls the store, and how old its definitions may be."""

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.definitions.model import Changes, DefinitionKind, DefinitionRow
from chalicelib.domain.errors import RealtimeError, StorageUnavailable
from chalicelib.services.definitions.cache import RETRY_SECONDS
from chalicelib.services.definitions.cache_state import NOT_FOUND_SECONDS
from chalicelib.services.definitions.catalog import Catalog
from realtime.testing.stores import MemoryDefinitions, MemoryMetrics
from tests.support.experiments import published, published_flag, published_segment
from tests.support.poll import wait_until

CHECK, TTL = 5.0, 300.0


class CountingDefinitions(MemoryDefinitions):
    """Counts calls; methods in ``dead`` raise."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.dead: set[str] = set()

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        self._count("get_many")
        return super().get_many(kind, keys)

    def get_all(self, kind: DefinitionKind) -> dict[str, DefinitionRow]:
        self._count("get_all")
        return super().get_all(kind)

    def get_changes(self, version: int | None) -> Changes:
        self._count("get_changes")
        return super().get_changes(version)

    def edit(self, row: DefinitionRow) -> None:
        """By hand, in the console."""
        self._rows[row.kind, row.key] = row

    def _count(self, name: str) -> None:
        self.calls[name] += 1
        if name in self.dead:
            raise StorageUnavailable


class Container:
    def __init__(self, *definitions: DefinitionRow, max_entries: int = 100, ttl: float = TTL) -> None:
        self.now = 1000.0
        self.store = CountingDefinitions()
        self.version = 0
        self.publish(*definitions)
        self.metrics = MemoryMetrics()
        self.catalog = Catalog(
            self.store,
            self.metrics,
            ttl=ttl,
            check=CHECK,
            max_entries=max_entries,
            timer=lambda: self.now,
        )

    def publish(self, *definitions: DefinitionRow) -> None:
        if definitions:
            self.version = self.store.publish(definitions, self.version, 0.0)

    def get_status(self, key: str = "checkout") -> str | None:
        experiment = self.catalog.experiments.get(key)
        return experiment.status if experiment else None

    def take_calls(self) -> dict[str, int]:
        calls, self.store.calls = dict(self.store.calls), Counter()
        return calls


def test_a_definition_is_loaded_once_and_then_costs_no_call() -> None:
    container = Container(published())
    assert container.get_status() == "active"
    assert container.take_calls() == {"get_changes": 1, "get_many": 1}
    for _ in range(100):
        assert container.get_status() == "active"
    assert container.take_calls() == {}


def test_kinds_are_apart() -> None:
    container = Container(published("same"), published_flag("same"), published_segment("same"))
    assert container.catalog.flags.get("same") is not None
    assert container.catalog.segments.get("same") is not None
    assert container.catalog.experiments.get("same") is not None
    assert container.catalog.flags.get("checkout") is None


def test_a_publish_is_in_force_after_the_next_check() -> None:
    container = Container(published())
    container.get_status()
    container.publish(published(status="paused"))
    container.now += CHECK - 0.01
    assert container.get_status() == "active"
    container.now += 0.01
    assert container.get_status() == "paused"
    assert container.take_calls() == {"get_changes": 2, "get_many": 2}


def test_all_kinds_are_checked_for_changes_together() -> None:
    container = Container(published(), published_flag(), published_segment())
    catalog = container.catalog

    def read_versions() -> list[int]:
        found = (
            catalog.experiments.get("checkout"),
            catalog.flags.get("dark-mode"),
            catalog.segments.get("testers"),
        )
        return [definition.version for definition in found if definition]

    assert read_versions() == [1, 1, 1]
    container.publish(published_segment(include=["ada"]), published_flag(enabled=False))
    container.take_calls()
    container.now += CHECK
    assert read_versions() == [1, 2, 2]
    assert container.take_calls() == {"get_changes": 1, "get_many": 2}


def test_lookups_and_misses_are_counted_once_a_check() -> None:
    container = Container(published())
    for _ in range(10):
        container.get_status()
    container.now += CHECK
    container.get_status()
    versions = container.metrics.recorded.pop("DefinitionsVersion")
    assert versions == [1, 1]
    assert container.metrics.recorded == {"DefinitionLookups": [10], "DefinitionMisses": [1]}


def test_a_check_without_changes_is_one_call_and_reloads_nothing() -> None:
    container = Container(published())
    before = container.catalog.experiments.get("checkout")
    container.take_calls()
    container.now += CHECK
    assert container.catalog.experiments.get("checkout") is before
    assert container.take_calls() == {"get_changes": 1}


def test_a_publish_of_something_else_reloads_nothing() -> None:
    container = Container(published())
    container.get_status()
    container.take_calls()
    container.publish(published("other"), published_flag("other"))
    container.now += CHECK
    container.get_status()
    assert container.take_calls() == {"get_changes": 1}


def test_a_kill_switch_is_in_force_within_10_seconds_though_the_check_fails_once() -> None:
    container = Container(published())
    container.get_status()
    container.publish(published(status="paused"))
    container.store.dead = {"get_changes"}
    container.now += CHECK
    assert container.get_status() == "active"
    container.store.dead = set()
    container.now += RETRY_SECONDS
    assert container.get_status() == "paused"
    assert CHECK + RETRY_SECONDS < 10


def test_a_kill_switch_is_in_force_though_loading_the_definition_fails_once() -> None:
    container = Container(published())
    container.get_status()
    container.publish(published(status="paused"))
    container.store.dead = {"get_many"}
    container.now += CHECK
    assert container.get_status() == "active"
    container.store.dead = set()
    container.now += RETRY_SECONDS
    assert container.get_status() == "paused"


def test_the_next_check_is_due_a_second_after_the_failure_not_after_its_begin() -> None:
    container = Container(published())
    container.get_status()
    get_changes = container.store.get_changes

    def slow(version: int | None) -> Changes:
        container.now += 2.0
        return get_changes(version)

    container.store.get_changes = slow  # type: ignore[method-assign]
    container.store.dead = {"get_changes"}
    container.now += CHECK
    container.take_calls()
    for _ in range(10):
        container.get_status()
        container.now += RETRY_SECONDS / 11
    assert container.take_calls()["get_changes"] == 1


def test_a_slow_refresh_serves_the_cached_value_and_takes_effect_later() -> None:
    store = BlockingDefinitions()
    store.publish([published()], 0, 0.0)
    times = [0.0]
    catalog = Catalog(store, MemoryMetrics(), check=CHECK, timer=lambda: times[0])
    store.may_answer.set()
    assert catalog.experiments.get("checkout") is not None
    store.may_answer.clear()
    store.publish([published(status="paused")], 1, 0.0)
    times[0] += CHECK
    experiment = catalog.experiments.get("checkout")
    assert experiment is not None
    assert experiment.status == "active"
    store.may_answer.set()

    def is_paused() -> bool:
        experiment = catalog.experiments.get("checkout")
        return experiment is not None and experiment.status == "paused"

    assert wait_until(is_paused, seconds=10)


def test_a_dead_store_is_asked_once_a_second_and_the_age_is_recorded() -> None:
    container = Container(published())
    container.get_status()
    container.store.dead = {"get_changes", "get_many", "get_all"}
    container.take_calls()
    for _ in range(40):
        container.now += 0.25
        assert container.get_status() == "active"
    assert container.take_calls()["get_changes"] <= 6
    ages = container.metrics.recorded["DefinitionsAge"]
    assert ages == sorted(ages)
    assert ages[0] == CHECK


def test_the_last_good_definitions_serve_long_after_their_time() -> None:
    container = Container(published(), published_flag())
    container.get_status()
    container.catalog.flags.get_all()
    container.store.dead = {"get_changes", "get_many", "get_all"}
    container.now += 10 * TTL
    assert container.get_status() == "active"
    assert set(container.catalog.flags.get_all()) == {"dark-mode"}
    container.store.dead = set()
    container.publish(published(status="paused"))
    container.now += RETRY_SECONDS
    assert container.get_status() == "paused"


def test_the_age_is_recorded_if_only_the_definitions_cannot_be_read() -> None:
    container = Container(published(), published_flag())
    container.get_status()
    container.catalog.flags.get_all()
    container.store.dead = {"get_many", "get_all"}
    container.now += TTL + 1
    assert container.get_status() == "active"
    assert set(container.catalog.flags.get_all()) == {"dark-mode"}
    assert container.metrics.recorded["DefinitionsAge"] == [TTL + 1, TTL + 1]


def test_what_was_never_loaded_is_an_error_while_the_store_is_dead_and_no_error_is_remembered() -> None:
    container = Container(published())
    container.store.dead = {"get_changes", "get_many", "get_all"}
    with pytest.raises(StorageUnavailable):
        container.get_status()
    with pytest.raises(StorageUnavailable):
        container.catalog.experiments.get_all()
    container.store.dead = set()
    assert container.get_status() == "active"


def test_a_definition_edited_without_a_publish_is_taken_up_after_its_time() -> None:
    container = Container(published())
    container.get_status()
    edited = published(status="completed")
    container.store._rows["experiment", "checkout"] = edited  # by hand, in the console
    container.now += TTL - 0.01
    assert container.get_status() == "active"
    container.now += 0.01
    assert container.get_status() == "completed"


def test_not_found_is_remembered_for_a_while() -> None:
    container = Container(published())
    assert container.get_status("later") is None
    container.take_calls()
    assert container.get_status("later") is None
    assert container.take_calls() == {}
    container.now += NOT_FOUND_SECONDS
    assert container.get_status("later") is None
    assert container.take_calls()["get_many"] == 1


@pytest.mark.parametrize("key", ["", "x" * 129, "ü", "a b", "a\n", "a/b", "\ud800"])
def test_what_cannot_be_a_key_is_not_found_without_asking(key: str) -> None:
    container = Container(published("good"))
    assert container.get_status(key) is None
    assert container.catalog.flags.get(key) is None
    assert set(container.catalog.experiments.get_many([key, "good"])) == {"good"}
    assert container.take_calls() == {"get_changes": 1, "get_many": 1}
    container.store.dead = {"get_many", "get_all", "get_changes"}
    assert container.get_status(key) is None


ALIASES = ["Checkout / Farbe", "a b", "ü", "x" * 256, "old-key"]


@pytest.mark.parametrize("alias", ALIASES)
def test_callers_find_a_definition_by_its_alias_too(alias: str) -> None:
    container = Container(published(alias=alias), published("good"), published_flag("f", alias=alias))
    experiments, flags = container.catalog.experiments, container.catalog.flags
    found, flag = experiments.find(alias), flags.find(alias)
    assert found is not None
    assert flag is not None
    assert (found.key, flag.key) == ("checkout", "f")
    assert experiments.get(alias) is None
    assert [*experiments.find_many([alias, "good", "gone"])] == ["good", alias]


def test_the_first_name_that_is_no_key_loads_all_and_others_cost_nothing() -> None:
    container = Container(published())
    find = container.catalog.experiments.find
    assert find("later") is None
    assert container.take_calls() == {"get_changes": 1, "get_many": 1, "get_all": 1}
    for number in range(100):
        assert find(f"made up {number}") is None
        assert find(f"made-up-{number}") is None
    assert container.take_calls() == {}


def test_another_alias_is_in_force_after_the_next_check() -> None:
    container = Container(published(alias="one"))
    find = container.catalog.experiments.find
    assert find("one") is not None
    container.publish(published(alias="two"))
    container.now += CHECK
    assert find("one") is None
    assert find("two") is not None


def test_what_was_not_found_is_found_after_the_next_check() -> None:
    container = Container(published())
    assert container.get_status("later") is None
    container.publish(published("later"))
    container.now += CHECK
    assert container.get_status("later") == "active"


def test_a_removed_definition_is_gone_after_the_next_check() -> None:
    container = Container(published())
    container.get_status()
    container.publish(DefinitionRow("experiment", "checkout", "", "removed"))
    container.now += CHECK
    assert container.get_status() is None


def test_made_up_keys_do_not_push_out_what_exists() -> None:
    container = Container(published(), max_entries=10)
    container.get_status()
    for number in range(5000):
        assert container.get_status(f"made-up-{number}") is None
    container.take_calls()
    container.get_status()
    assert container.take_calls() == {}


def test_the_least_recently_used_definition_is_pushed_out() -> None:
    container = Container(*(published(f"e{number}") for number in range(4)), max_entries=3)
    for key in ("e0", "e1", "e2", "e0", "e3"):
        container.get_status(key)
    container.take_calls()
    container.get_status("e0")
    assert container.take_calls() == {}
    container.get_status("e1")
    assert container.take_calls() == {"get_many": 1}


def test_what_is_read_between_two_loads_outlives_what_is_not() -> None:
    """However often and in whatever order it is read: reads after the first do not keep the order of use."""
    container = Container(*(published(f"e{number}") for number in range(9)), max_entries=3)
    for key in ("e0", "e1", "e2"):
        container.get_status(key)
    for number in range(3, 9):
        for _ in range(3):
            assert container.get_status("e0") == container.get_status("e1") == "active"
        container.take_calls()
        container.get_status(f"e{number}")
        assert container.take_calls() == {"get_many": 1}
        for key in ("e1", "e0"):
            container.get_status(key)
        assert container.take_calls() == {}


def test_a_definition_whose_time_ends_before_the_next_check_is_loaded_again() -> None:
    container = Container(published(), ttl=CHECK / 2)
    for _ in range(3):
        container.get_status()
    container.take_calls()
    container.now += CHECK / 2
    container.get_status()
    assert container.take_calls() == {"get_many": 1}


def test_what_was_read_a_moment_ago_is_dropped_and_replaced_like_everything_else() -> None:
    container = Container(published())
    cache = container.catalog.experiments
    assert cache.find("checkout") is cache.get("checkout") is not None
    container.store.edit(published(status="paused"))
    assert cache.get_all()["checkout"].status == "paused"
    assert container.get_status() == "paused"
    container.store.dead = {"get_all", "get_many"}
    cache.drop(None, until=container.now + 1)
    with pytest.raises(StorageUnavailable):
        cache.find("checkout")


def test_many_unknown_keys_are_one_call() -> None:
    keys = [f"e{number}" for number in range(50)]
    container = Container(*(published(key) for key in keys))
    container.get_status("e0")
    container.take_calls()
    experiments = container.catalog.experiments.get_many([*keys, "missing"])
    assert set(experiments) == set(keys)
    assert container.take_calls() == {"get_many": 1}
    assert set(container.catalog.experiments.get_many([*keys, "missing"])) == set(keys)
    assert container.take_calls() == {}


def test_of_many_keys_those_that_are_cached_are_answered_while_the_store_is_dead() -> None:
    container = Container(published("a"), published("b"))
    container.get_status("a")
    container.store.dead = {"get_many"}
    answers = container.catalog.experiments.get_many(["a", "b"])
    assert not isinstance(answers["a"], RealtimeError)
    assert isinstance(answers["b"], StorageUnavailable)


def test_all_are_loaded_by_one_call_and_then_kept_up_to_date() -> None:
    container = Container(published("a"), published("b"))
    before = container.catalog.experiments.get_all()
    assert set(before) == {"a", "b"}
    assert container.take_calls() == {"get_changes": 1, "get_all": 1}
    assert container.get_status("a") == "active"
    assert container.get_status("missing") is None
    assert set(container.catalog.experiments.get_many(["a", "missing"])) == {"a"}
    assert container.take_calls() == {}
    container.publish(published("c"), DefinitionRow("experiment", "a", "", "removed"))
    container.now += CHECK
    after = container.catalog.experiments.get_all()
    assert set(after) == {"b", "c"}
    assert after["b"] is before["b"]
    assert set(before) == {"a", "b"}
    assert container.take_calls() == {"get_changes": 1, "get_many": 1}
    container.now += TTL
    assert set(container.catalog.experiments.get_all()) == {"b", "c"}
    assert container.take_calls() == {"get_changes": 1, "get_all": 1}


def test_more_changes_than_a_query_lists_reload_everything() -> None:
    container = Container(published())
    container.get_status()
    container.catalog.flags.get_all()

    def anything(version: int | None) -> Changes:
        return Changes(container.version, None)

    container.store.get_changes = anything  # type: ignore[method-assign] # this test's store forgets the details
    container.publish(published(status="paused"), published_flag("new"))
    container.now += CHECK
    assert container.get_status() == "paused"
    assert set(container.catalog.flags.get_all()) == {"new"}


def test_of_an_unreadable_row_the_last_good_definition_serves() -> None:
    container = Container(published(), published("other"))
    container.get_status()
    broken = DefinitionRow("experiment", "checkout", "{not json", "active")
    container.publish(broken, DefinitionRow("experiment", "other", '{"key": "other"}', "active"))
    container.now += CHECK
    assert container.get_status() == "active"
    assert container.metrics.recorded["InvalidDefinition"]
    with pytest.raises(StorageUnavailable, match="publish it again"):
        container.get_status("other")
    assert set(container.catalog.experiments.get_all()) == {"checkout"}


def test_an_unreadable_row_is_the_same_failure_before_and_after_all_are_asked_for() -> None:
    broken = DefinitionRow("experiment", "broken", "{not json", "active")
    container = Container(published("good"), broken, DefinitionRow("flag", "broken", "{}", "active"))
    for all_are_asked_for in (False, True):
        if all_are_asked_for:
            assert set(container.catalog.experiments.get_all()) == {"good"}
            assert set(container.catalog.flags.get_all()) == set()
        for _ in range(2):
            with pytest.raises(StorageUnavailable, match="publish it again"):
                container.get_status("broken")
            with pytest.raises(StorageUnavailable):
                container.catalog.flags.get("broken")
            answers = container.catalog.experiments.get_many(["broken", "good", "missing"])
            assert set(answers) == {"broken", "good"}
            assert isinstance(answers["broken"], StorageUnavailable)
    assert set(container.catalog.experiments.get_unreadable()) == {"broken"}
    assert set(container.catalog.flags.get_unreadable()) == {"broken"}
    assert container.take_calls() == {"get_changes": 1, "get_many": 3, "get_all": 2}
    container.publish(published("broken"))
    container.now += CHECK
    assert container.get_status("broken") == "active"
    assert container.catalog.experiments.get_unreadable() == {}


def test_an_unreadable_row_that_was_repaired_is_taken_up() -> None:
    container = Container(DefinitionRow("experiment", "checkout", "{}", "active"))
    with pytest.raises(StorageUnavailable):
        container.get_status()
    container.publish(published())
    container.now += CHECK
    assert container.get_status() == "active"


class BlockingDefinitions(CountingDefinitions):
    """Reads an experiment, but answers only once ``may_answer`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_called = threading.Event()
        self.may_answer = threading.Event()

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        rows: Mapping[str, DefinitionRow] = super().get_many(kind, keys)
        if kind == "experiment":
            self.is_called.set()
            assert self.may_answer.wait(10)
        return dict(rows)


def test_threads_that_want_the_same_definition_share_one_call() -> None:
    store = BlockingDefinitions()
    store.publish([published()], 0, 0.0)
    catalog = Catalog(store, MemoryMetrics())
    with ThreadPoolExecutor(16) as pool:
        answers = [pool.submit(catalog.experiments.get, "checkout") for _ in range(16)]
        assert store.is_called.wait(10)
        store.may_answer.set()
        identities = {id(answer.result()) for answer in answers}
    assert len(identities) == 1
    assert store.calls["get_many"] == 1


def test_a_row_read_before_a_publish_never_outlives_it() -> None:
    store = BlockingDefinitions()
    store.publish([published()], 0, 0.0)
    times = [0.0]
    catalog = Catalog(store, MemoryMetrics(), check=CHECK, timer=lambda: times[0])
    with ThreadPoolExecutor(2) as pool:
        late = pool.submit(catalog.experiments.get, "checkout")  # it has read the old row, and waits
        assert store.is_called.wait(10)
        store.publish([published(status="paused")], 1, 0.0)
        times[0] += CHECK
        assert pool.submit(catalog.flags.get, "dark-mode").result(10) is None  # it sees the publication
        store.may_answer.set()
        late.result(10)
    experiment = catalog.experiments.get("checkout")
    assert experiment is not None
    assert experiment.status == "paused"
