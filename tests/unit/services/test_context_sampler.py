"""Which decisions are kept for the next publish, and that nobody can be named by them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag
from chalicelib.domain.definitions.schema import Definition
from chalicelib.domain.definitions.units import list_unit_attributes
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.recent_contexts import MAX_BYTES, MAX_KEYS, RecentContext
from chalicelib.services.context_sampler import CAPACITY, ContextSampler
from chalicelib.settings import Settings
from chalicelib.wiring import Plane
from realtime.testing.stores import (
    MemoryAssignments,
    MemoryDefinitions,
    MemoryMetrics,
    MemoryRecentContexts,
)
from tests.support.experiments import document, published, published_flag

NOW = 1_800_000_000.0
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class World:
    def __init__(self, *documents: Definition, draw: float = 0.0, **options: Any) -> None:
        self.store = MemoryRecentContexts()
        self.metrics = MemoryMetrics()
        options = {"share": 0.5, "slots": 1_000, "seconds": 3600.0} | options
        self.sampler = ContextSampler(
            self.store, lambda: documents, self.metrics, draw=lambda: draw, **options
        )

    def offer(
        self, context: Mapping[str, Any], user: str | None = "user-17", keys: Any = ("f",), now: float = NOW
    ) -> None:
        self.sampler.offer("flag", keys, user, {**context}, now)

    def list_kept(self) -> list[RecentContext]:
        self.sampler.flush()
        return [*self.store.get_all(NOW)]


def test_a_decision_is_kept_with_its_context_and_without_its_user() -> None:
    world = World()
    world.offer({"user_id": "user-17", "country": "DE", "age": 31, "owner": {"id": "user-17"}})
    (kept,) = world.list_kept()
    assert kept.kind == "flag"
    assert kept.keys == ("f",)
    assert kept.context == {
        "user_id": kept.unit,
        "country": "DE",
        "age": 31,
        "owner": {"id": kept.unit},
    }
    assert len(kept.unit) == 32


@given(st.dictionaries(st.text(), JSON, max_size=4), st.text(min_size=1))
@example({}, " ")
def test_a_users_id_stands_nowhere_in_what_is_kept(context: dict[str, Any], user: str) -> None:
    world = World()
    world.offer({**context, "user_id": user, "nested": [{"owner": user}], user: 1}, user)
    for kept in world.list_kept():
        written = json.dumps(kept.context, separators=(",", ":"))  # spaces would be the writer's
        assert json.dumps(user)[1:-1] not in written


@pytest.mark.parametrize("context", [{"mail": "user-17@example.org"}, {"users": {"x user-17 y": 1}}])
def test_a_context_that_holds_the_id_within_a_longer_text_is_not_kept(context: dict[str, Any]) -> None:
    world = World()
    world.offer(context)
    assert world.list_kept() == []


def test_units_of_definitions_are_hashed_too() -> None:
    rule = {"when": {"share": "20%", "salt": "s", "unit": ["device", "session"]}, "serve": "on"}
    flags = [
        parse_flag({"key": "f", "type": "boolean", "bucket_by": "account.id"}),
        parse_flag({"key": "g", "rules": [rule], "unit": {"of": "org", "missing": "exclude"}}),
    ]
    world = World(*flags, parse_experiment(document(unit="team")))
    context = {"account": {"id": "a-1", "plan": "gold"}, "device": 12, "org": "o", "team": "t", "city": "x"}
    world.offer(context)
    world.offer(context, user="user-18")
    first, second = (kept.context for kept in world.list_kept())
    assert first["account"]["plan"] == "gold"
    assert first["account"]["id"] == second["account"]["id"] != "a-1"
    assert {name for name in context if first[name] == context[name]} == {"city"}


def test_the_unit_that_is_the_user_stays_the_same_as_the_user() -> None:
    world = World(parse_flag({"key": "f", "type": "boolean", "bucket_by": "account"}))
    world.offer({"account": "user-17"})
    (kept,) = world.list_kept()
    assert kept.context["account"] == kept.unit


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ({"bucket_by": "account.id"}, {("account.id",), ("account", "id")}),
        ({"unit": "org", "type": "boolean"}, {("org",)}),
        ({"bucket_by": "user_id"}, set()),
        ({"changes": [{"at": "2030-01-01T00:00:00Z", "set": {"bucket_by": "org"}}]}, {("org",)}),
    ],
)
def test_units_are_read_from_the_definition(written: dict[str, Any], paths: set[tuple[str, ...]]) -> None:
    flag = parse_flag({"key": "f", "type": "boolean"} | written)
    assert list_unit_attributes(flag) == paths


def test_containers_hash_with_keys_of_their_own() -> None:
    first, second = World(), World()
    for world in (first, second):
        world.offer({})
    assert first.list_kept()[0].unit != second.list_kept()[0].unit


@pytest.mark.parametrize(("draw", "is_kept"), [(0.0, True), (0.499, True), (0.5, False), (0.9, False)])
def test_the_share_of_the_settings_is_kept(draw: float, is_kept: bool) -> None:
    world = World(draw=draw)
    world.offer({})
    assert bool(world.list_kept()) is is_kept


def test_there_is_at_most_one_decision_a_slot_and_it_is_the_newest() -> None:
    world = World(slots=3)
    for number in range(90):
        world.offer({"number": -number - 1}, user=f"user-{number + 100}", now=NOW + number)
    kept = world.list_kept()
    assert len(kept) == 3
    assert max(recent.at for recent in kept) == NOW + 89


def test_what_waits_is_bounded() -> None:
    world = World(slots=10**9)
    for number in range(CAPACITY * 3):
        world.offer({}, user=f"user-{number + 1000}", now=NOW + number)
    kept = world.list_kept()
    assert len(kept) == CAPACITY
    assert min(recent.at for recent in kept) == NOW + CAPACITY * 2


def test_a_kept_decision_expires() -> None:
    world = World(seconds=3600.0)
    world.offer({})
    world.sampler.flush()
    assert world.store.get_all(NOW + 3599.0)
    assert world.store.get_all(NOW + 3600.0) == []


def test_large_contexts_many_keys_and_nobody_are_not_kept() -> None:
    world = World()
    world.offer({"text": "x" * MAX_BYTES})
    world.offer({}, keys=[f"f{number}" for number in range(MAX_KEYS + 1)])
    world.offer({}, user=None)
    assert world.list_kept() == []
    world.offer({}, keys=None)
    (kept,) = world.list_kept()
    assert kept.is_about("flag", "anything")
    assert not kept.is_about("experiment", "anything")


class BrokenStore(MemoryRecentContexts):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def put(self, by_slot: Mapping[int, RecentContext], expires_at: float) -> None:
        raise self.error


@pytest.mark.parametrize("error", [StorageUnavailable(), Throttled(), RuntimeError("x")], ids=repr)
def test_a_store_that_fails_is_counted_and_nobody_notices(error: Exception) -> None:
    metrics = MemoryMetrics()
    sampler = ContextSampler(BrokenStore(error), list, metrics, share=1.0, slots=9, seconds=60.0)
    sampler.offer("flag", None, "user-17", {}, NOW)
    sampler.flush()
    sampler.flush()
    assert metrics.recorded == {"ContextsNotKept": [1]}


class Watched(MemoryRecentContexts):
    puts = 0

    def put(self, by_slot: Mapping[int, RecentContext], expires_at: float) -> None:
        self.puts += 1
        super().put(by_slot, expires_at)


def make_plane(share: float) -> tuple[Plane, Watched]:
    definitions, store = MemoryDefinitions(), Watched()
    definitions.publish([published_flag("f"), published("e")], 0, NOW)
    settings = replace(Settings.from_env({}), context_sample=share, tracking=False)
    plane = Plane(
        settings,
        clock=lambda: NOW,
        definitions=definitions,
        assignments=MemoryAssignments(),
        recent_contexts=store,
        metrics=MemoryMetrics(),
    )
    return plane, store


def decide(plane: Plane) -> None:
    plane.evaluate("user-11", "f", {"country": "DE"})
    plane.evaluate_many("user-12", None, {"country": "DE"})
    plane.assign("user-13", "e", {"country": "DE"})
    plane.assign_many("user-14", ["e"], {"country": "DE"})


def test_flags_and_experiments_are_sampled_after_the_answer() -> None:
    plane, store = make_plane(1.0)
    decide(plane)
    assert store.puts == 0
    plane.after_response(1.0)
    assert store.puts == 1
    kept = sorted((recent.kind, recent.keys or ()) for recent in store.get_all(NOW))
    assert kept == [("experiment", ("e",)), ("experiment", ("e",)), ("flag", ()), ("flag", ("f",))]


def test_nothing_is_kept_unless_it_is_asked_for() -> None:
    plane, store = make_plane(Settings.from_env({}).context_sample)
    decide(plane)
    plane.after_response(1.0)
    assert plane.context_sampler is None
    assert store.rows == {}


def test_a_request_that_fails_is_not_sampled() -> None:
    plane, store = make_plane(1.0)
    with pytest.raises(RealtimeError):
        plane.evaluate("user-11", "unknown", {})
    plane.after_response(1.0)
    assert store.rows == {}
