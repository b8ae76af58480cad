"""Definitions from a snapshot, while their tables do not answer: never older than what is known."""

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.domain.definitions.model import Changes, DefinitionKind, DefinitionRow
from chalicelib.domain.definitions.snapshot import Snapshot
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.services.definitions.catalog import KILL_SECONDS, Catalog
from chalicelib.services.definitions.fallback import POLL_SECONDS
from realtime.testing.stores import MemoryDefinitions, MemoryMetrics
from tests.support.experiments import published_flag


class Tables(MemoryDefinitions):
    """``away`` names the methods that do not answer."""

    def __init__(self) -> None:
        super().__init__()
        self.away: frozenset[str] = frozenset()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.calls = 0

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        self._answer("get_many")
        return super().get_many(kind, keys)

    def get_all(self, kind: DefinitionKind) -> dict[str, DefinitionRow]:
        self._answer("get_all")
        return super().get_all(kind)

    def get_changes(self, version: int | None) -> Changes:
        self._answer("get_changes")
        return super().get_changes(version)

    def _answer(self, name: str) -> None:
        self.calls += 1
        assert self.may_answer.wait(10)
        if name in self.away:
            raise StorageUnavailable


ALL = frozenset(("get_many", "get_all", "get_changes"))


@dataclass
class MemorySnapshots:
    newest: Snapshot | None = None
    reads: list[int] = field(default_factory=list)
    is_away: bool = False

    def read(self, at_least: int) -> Snapshot | None:
        self.reads.append(at_least)
        if self.is_away:
            raise StorageUnavailable
        return self.newest if self.newest and self.newest.version >= at_least else None


class World:
    """Tables, snapshots, and a container that has not decided yet."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.tables, self.snapshots, self.metrics = Tables(), MemorySnapshots(), MemoryMetrics()
        self.version = 0
        self.start()

    def start(self) -> None:
        self.catalog = Catalog(self.tables, self.metrics, timer=lambda: self.now, snapshots=self.snapshots)

    def publish(self, *, is_on: bool, is_snapped: bool = True, key: str = "on") -> None:
        self.version = self.tables.publish([published_flag(key, enabled=is_on)], self.version, 0.0)
        if is_snapped:
            rows: Mapping[Any, DefinitionRow] = dict(self.tables._rows)
            self.snapshots.newest = Snapshot(self.version, rows)

    def is_on(self, key: str = "on") -> bool | None:
        """None for an honest error."""
        try:
            flag = self.catalog.flags.get(key)
        except StorageUnavailable:
            return None
        assert flag is not None
        return bool(flag.document.enabled)


def test_tables_that_answer_are_asked_and_no_snapshot_is() -> None:
    world = World()
    world.publish(is_on=True)
    assert world.is_on() is True
    world.now += 10
    assert world.is_on() is True
    assert world.snapshots.reads == []


def test_a_cold_container_reads_one_snapshot_for_everything() -> None:
    world = World()
    world.publish(is_on=True)
    world.publish(is_on=False, key="off")
    world.tables.away = ALL
    assert (world.is_on(), world.is_on("off")) == (True, False)
    assert list(world.catalog.flags.get_all()) == ["off", "on"]
    assert world.snapshots.reads == [0]
    assert world.metrics.recorded["SnapshotLoaded"] == [1]
    assert world.catalog.flags.get("unknown") is None


def test_it_catches_up_by_version_when_the_tables_answer() -> None:
    world = World()
    world.publish(is_on=True)
    world.tables.away = ALL
    assert world.is_on() is True
    world.publish(is_on=False, is_snapped=False)
    world.tables.away = frozenset()
    world.now += 1
    assert world.is_on() is False


def test_a_newer_snapshot_is_looked_for_now_and_then_while_the_tables_are_away() -> None:
    world = World()
    world.publish(is_on=True)
    assert world.is_on() is True
    world.tables.away = ALL
    for _ in range(10):
        world.now += 1
        assert world.is_on() is True
    assert world.snapshots.reads == [2, 2]
    world.publish(is_on=False)
    world.now += POLL_SECONDS
    assert world.is_on() is False


def test_what_was_not_cached_comes_from_the_snapshot() -> None:
    world = World()
    world.publish(is_on=True)
    world.publish(is_on=False, key="off")
    assert world.is_on() is True
    world.tables.away = ALL
    world.now += 60
    assert world.is_on("off") is False


def test_a_snapshot_that_is_older_than_what_is_known_answers_nothing() -> None:
    world = World()
    world.publish(is_on=True)
    world.publish(is_on=False, is_snapped=False)
    world.tables.away = ALL - {"get_changes"}
    assert world.is_on() is None
    world.tables.away = frozenset()
    world.now += POLL_SECONDS
    assert world.is_on() is False


def test_without_any_the_error_is_that_of_the_tables() -> None:
    world = World()
    world.publish(is_on=True, is_snapped=False)
    world.tables.away = ALL
    assert world.is_on() is None
    world.snapshots.is_away = True
    world.now += POLL_SECONDS
    assert world.is_on() is None


def test_tables_that_are_silent_are_not_waited_for_where_there_is_a_snapshot() -> None:
    world = World()
    world.publish(is_on=True)
    world.tables.may_answer.clear()
    assert world.is_on() is True
    world.tables.may_answer.set()


def test_slow_tables_are_waited_for_where_there_is_none() -> None:
    world = World()
    world.publish(is_on=True, is_snapped=False)
    world.tables.may_answer.clear()
    threading.Timer(0.7, world.tables.may_answer.set).start()
    assert world.is_on() is True
    assert world.snapshots.reads == [0]


def test_the_newest_definition_is_never_taken_from_a_snapshot() -> None:
    """`refresh` is asked for after a stored assignment told that there is a newer one."""
    world = World()
    world.publish(is_on=True)
    world.tables.away = ALL
    assert world.is_on() is True
    with pytest.raises(StorageUnavailable):
        world.catalog.flags.refresh("on")


PHASES = st.lists(
    st.tuples(
        st.sampled_from([ALL, ALL - {"get_changes"}, frozenset[str]()]),
        st.booleans(),
        st.integers(1, 15),
        st.integers(1, 4),
    ),
    min_size=1,
    max_size=4,
)


@given(PHASES, st.booleans(), st.booleans())
@settings(max_examples=60)
@example([(ALL - {"get_changes"}, True, 15, 1)], False, False)
@example([(ALL - {"get_changes"}, True, 15, 1)], False, True)
def test_no_answer_is_older_than_ten_seconds_unless_the_tables_are_away(
    phases: list[tuple[frozenset[str], bool, int, int]], are_snapped: bool, asks_for_all: bool
) -> None:
    """What is away, whether there is a publish at its begin, seconds that it lasts, and between requests.

    While the publications answer but the definitions do not, the container knows what it has not loaded.
    """
    world = World()
    world.publish(is_on=True, is_snapped=are_snapped)
    history = [(world.now, True)]
    assert world.is_on() is True
    if asks_for_all:
        world.catalog.flags.get_all()
    told_at = world.now  # when the publications answered last
    for away, is_published, seconds, pause in phases:
        world.tables.away = away
        if is_published:
            world.publish(is_on=not history[-1][1], is_snapped=are_snapped)
            history.append((world.now, not history[-1][1]))
        for _ in range(0, seconds, pause):
            world.now += pause
            calls = world.tables.calls
            answer = world.is_on()
            if "get_changes" not in away and world.tables.calls > calls:
                told_at = world.now
            since = told_at - KILL_SECONDS
            in_force = [is_on for at, is_on in history if at > since]
            in_force += [is_on for at, is_on in history if at <= since][-1:]
            assert answer is None or answer in in_force
            assert answer is not None or away
