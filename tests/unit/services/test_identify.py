"""What an anonymous id and its user get and count for, in every order of the calls: docs/identity.md."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.errors import Conflict, InvalidInput, StorageUnavailable
from chalicelib.domain.stream.counters import experiment_scope
from tests.support.experiments import published
from tests.support.identity import DAY, Expected, World, identify

A, U = "device-7", "anna"
HASHED = {id_: World(identity=False).assign(id_) for id_ in (A, U)}


def test_the_ids_of_these_tests_would_get_different_variants() -> None:
    assert HASHED[A] != HASHED[U]


FIRST: dict[tuple[str, ...], str] = {
    ("a", "u", "identify"): A,
    ("a", "identify", "u"): A,
    ("u", "a", "identify"): U,
    ("u", "identify", "a"): U,
    ("identify", "a", "u"): U,
    ("identify", "u", "a"): U,
}
"""The order of the calls → whose variant both ids have from then on."""


@pytest.mark.parametrize("order", permutations(["a", "u", "identify"]))
@pytest.mark.parametrize("new_containers", [False, True])
def test_whose_assignment_wins_in_every_order(order: tuple[str, ...], new_containers: bool) -> None:
    world = World()
    calls: dict[str, Callable[[], Any]] = {
        "a": lambda: world.assign(A),
        "u": lambda: world.assign(U),
        "identify": lambda: identify(world, A, U),
    }
    for call in order:
        world.now += 1
        if new_containers:
            world.restart()
        calls[call]()
        for id_ in (A, U):
            world.send(id_)
        world.deliver()
    world.now += 1
    winner = HASHED[FIRST[order]]
    assert world.assign(A) == world.assign(U) == winner
    assert world.counted_users() == {winner: 1}
    before = world.counted().get(str(winner), 0)
    for id_ in (A, U):
        world.send(id_)
    world.deliver()
    assert world.counted()[str(winner)] == before + 2


@pytest.mark.parametrize("order", permutations(["a", "u", "identify"]))
def test_events_count_for_what_their_id_had_however_late_they_come(order: tuple[str, ...]) -> None:
    counted = []
    for is_late in (False, True):
        world = World()
        for call in order:
            world.now += 20
            if call == "identify":
                identify(world, A, U)
            else:
                world.assign({"a": A, "u": U}[call])
            world.now += 20
            world.send(A)
            world.send(U)
            if not is_late:
                world.deliver()
        world.now += 3600
        world.deliver(world.restart())
        counted.append(world.counted())
    assert counted[0] == counted[1]
    assert sum(counted[0].values()) == 6


def test_an_event_of_an_sdk_links_the_ids_too() -> None:
    world = World()
    world.assign(A)
    world.now += 5
    world.send(U, "$identify", properties={"anonymous_id": A})
    world.now += 5
    world.send(U)
    world.now += 5
    world.deliver()
    assert world.assign(U) == HASHED[A]
    assert world.counted() == world.counted_users() == {HASHED[A]: 1}


def test_the_route_archives_an_event_and_events_of_the_id_name_the_person() -> None:
    world = World()
    world.assign(A)
    identify(world, A, U)
    world.now += 1
    world.send(A)
    world.deliver()
    first, second = world.archived()
    assert (first["event_type"], first["user_id"]) == ("$identify", U)
    assert first["properties"] == {"anonymous_id": A}
    assert (second["user_id"], second["realtime"]["person"]) == (A, U)


def test_an_event_that_links_nothing_is_an_event_as_any_other() -> None:
    world = World()
    for properties in ({}, {"anonymous_id": 7}, {"anonymous_id": U}, {"$anon_distinct_id": A}):
        world.send(U, "$identify", properties=properties)
    world.send(U, "$identify")
    world.deliver()
    assert len(world.archived()) == 5
    assert world.assignments.links == {}


@pytest.mark.parametrize(
    ("ids", "field"),
    [(("", U), "anonymous_id"), ((A, ""), "user_id"), ((U, U), "anonymous_id"), (("a\n", U), "anonymous_id")],
)
def test_a_wrong_id_is_refused_by_its_field(ids: tuple[str, str], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        World().plane.identify(*ids)
    assert [problem.path for problem in refused.value.details] == [field]


@pytest.mark.parametrize(
    ("ids", "field", "reason"),
    [
        ((A, "ben"), "anonymous_id", "belongs to another user"),
        ((U, "ben"), "anonymous_id", "is a signed-in user"),
        (("ben", A), "user_id", "anonymous_id of another user"),
        ((U, A), "anonymous_id", "is a signed-in user"),
    ],
)
def test_the_first_link_wins(ids: tuple[str, str], field: str, reason: str) -> None:
    world = World()
    identify(world, A, U)
    with pytest.raises(Conflict, match=reason) as refused:
        world.plane.identify(*ids)
    assert [problem.path for problem in refused.value.details] == [field]
    assert len(world.stream.events) == 1
    world.send(ids[1], "$identify", properties={"anonymous_id": ids[0]})
    world.deliver()
    assert world.metrics.recorded["IdentifyRefused"] == [1]
    assert len(world.archived()) == 2


def test_identity_is_off_unless_a_setting_says_otherwise() -> None:
    world = World(identity=False)
    with pytest.raises(InvalidInput, match="REALTIME_IDENTITY=true"):
        world.plane.identify(A, U)
    world.send(U, "$identify", properties={"anonymous_id": A})
    world.deliver()
    assert world.assignments.links == {}


def test_a_holdout_decides_by_the_user() -> None:
    world = World(holdout={"key": "q", "share": 0.5})
    ids = [f"id{number}" for number in range(40)]
    held_out = [id_ for id_ in ids if world.assign(id_) is None]
    others = [id_ for id_ in ids if id_ not in held_out]
    identify(world, held_out[0], others[0])
    identify(world, others[1], held_out[1])
    world.now += 61
    assert world.assign(held_out[0]) == world.assign(others[0]) is not None
    assert world.assign(others[1]) is world.assign(held_out[1]) is None


def test_experiments_of_other_units_are_not_touched() -> None:
    world = World(unit=["account.id", "user_id"])
    world.assign(A)
    identify(world, A, U)
    assert (world.assign(A), world.assign(U)) == (HASHED[A], HASHED[U])


def test_an_override_of_the_id_itself_comes_first() -> None:
    world = World(overrides={A: "v3", U: "v2"})
    identify(world, A, U)
    assert (world.assign(A), world.assign(U)) == ("v3", "v2")


def test_a_row_that_was_written_during_the_link_follows_at_the_next_request() -> None:
    world = World()
    experiment = world.plane.get_experiment("checkout")
    assert experiment is not None
    identify(world, A, U)
    late = world.plane.assigner._writer.make_row(experiment, A, str(HASHED[A]), world.now)
    world.assignments.put(experiment, A, late, None)
    world.now += 61
    assert world.assign(A) == world.assign(U) == HASHED[A]
    assert world.counted_users() == {HASHED[A]: 1}


def test_a_container_learns_of_a_link_that_another_one_made() -> None:
    """Also one that has all rows that it needs."""
    world = World()
    for id_ in (A, U):
        world.now += 1
        world.assign(id_)
        world.send(id_)
    other = world.new_container()
    world.deliver(other)
    identify(world, A, U)
    world.deliver()
    world.now += 20
    for id_ in (A, U):
        world.send(id_)
    world.deliver(other)
    assert world.counted() == {HASHED[A]: 3, HASHED[U]: 1}


def test_how_many_calls_an_assignment_needs() -> None:
    world = World()
    store = world.assignments

    def count(id_: str, *, is_new_container: bool = False) -> int:
        if is_new_container:
            world.restart()
        store.calls = 0
        world.assign(id_)
        return store.calls

    new, hot, known = count(A), count(A), count(A, is_new_container=True)
    assert (new, hot, known) == (2, 0, 1)
    identify(world, A, U)
    assert count(U, is_new_container=True) == 1
    assert count(A, is_new_container=True) == 2
    assert count(A) == 0
    world.now += 61
    assert count(A) == 2


def test_many_assignments_need_one_read_and_the_links_one_more() -> None:
    world = World()
    for key in ("pricing", "search"):
        version = world.definitions.get_changes(None).version
        world.definitions.publish([published(key, unit=None)], version, world.now)
    world.restart().assign_many(A, None, {})
    identify(world, A, U)
    world.restart()
    world.assignments.calls = 0
    answers = world.plane.assign_many(A, None, {})
    assert world.assignments.calls == 2
    by_user = world.plane.assign_many(U, None, {})
    for key, answer in answers.items():
        assert isinstance(answer, AssignmentResult)
        assert answer.user_id == A
        assert answer._replace(user_id=U) == by_user[key]


def test_a_store_that_cannot_be_read_fails_no_id_whose_link_is_known() -> None:
    world = World()
    world.assign(A)
    identify(world, A, U)
    world.assign(A)
    world.now += 61
    store = world.assignments
    store.interrupt_at, store.calls = 0, 0

    def fail() -> None:
        raise StorageUnavailable

    store.interrupt = fail
    assert world.assign(A) == HASHED[A]
    world.restart()
    store.calls = 0
    with pytest.raises(StorageUnavailable):
        world.assign(A)


def test_the_stream_completes_what_a_crash_has_interrupted() -> None:
    """After none, one or more of the three writes."""
    for writes in range(5):
        world = World()
        world.assign(A)
        world.now += 1
        world.assign(U)
        world.assignments.writes_left = writes
        if writes < 3:
            with pytest.raises(StorageUnavailable):
                world.plane.identify(A, U)
        else:
            world.plane.identify(A, U)
        world.assignments.writes_left = 100
        world.restart()
        world.deliver()
        assert world.assign(A) == world.assign(U) == HASHED[A]
        assert world.counted_users() == {HASHED[A]: 1}


def test_the_first_assignment_of_many_devices_wins_in_any_order() -> None:
    devices = [f"d{number}" for number in range(3)]
    for order in permutations(devices):
        world = World()
        for device in devices:
            world.now += 1
            world.assign(device)
        for device in order:
            world.now += 1
            identify(world, device, U)
        assert {world.assign(id_) for id_ in (*devices, U)} == {World(identity=False).assign("d0")}
        assert sum(world.counted_users().values()) == 1
        assert world.assignments.list_anonymous_ids([U]) == dict.fromkeys(devices, U)


CALLS = ["assign a", "assign u", "identify", "identify b", "deliver"]


LINKED = {"identify": A, "identify b": "b"}


def call(world: World, name: str) -> None:
    """In a container of its own."""
    plane = world.new_container()
    if name == "deliver":
        world.deliver(plane)
    elif name in LINKED:
        identify(world, LINKED[name], U, plane)
    else:
        world.assign({"a": A, "u": U}[name[-1]], plane)


@pytest.mark.parametrize("earlier", [(), ("assign a",), ("assign u",), ("assign a", "assign u")])
@pytest.mark.parametrize("first", CALLS)
@pytest.mark.parametrize("second", CALLS)
def test_one_call_in_the_middle_of_another_ends_the_same(
    earlier: tuple[str, ...], first: str, second: str
) -> None:
    """``second`` runs before each call to the store that ``first`` makes. Then the stream is processed."""
    for place in range(12):
        world = World()
        world.assign("b")
        for name in earlier:
            world.now += 1
            call(world, name)
        world.now += 1
        store = world.assignments
        store.interrupt_at, store.calls = place, 0
        store.interrupt = lambda world=world: call(world, second)  # type: ignore[misc]
        call(world, first)
        if store.calls <= place:
            break
        world.now += 1
        call(world, "deliver")
        world.now += 61
        ids = [A, U, "b"]
        variants = {id_: world.assign(id_) for id_ in ids}
        linked = {id_ for id_ in ids if id_ in world.assignments.links} - {U}
        assert linked == {name for name in ids for each in (first, second) if LINKED.get(each) == name}
        assert all(variants[id_] == variants[U] for id_ in linked)
        assert sum(world.counted_users().values()) == len(ids) - len(linked)


IDS = ["d1", "d2", "u1", "u2"]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("assign"), st.sampled_from(IDS), st.just("")),
        st.tuples(st.just("send"), st.sampled_from(IDS), st.just("")),
        st.tuples(st.sampled_from(["identify", "event"]), st.sampled_from(IDS[:3]), st.sampled_from(IDS[1:])),
        st.tuples(st.sampled_from(["restart", "expire", "half"]), st.just(""), st.just("")),
    ),
    max_size=14,
)


@pytest.mark.parametrize("containers", [1, 3])
@given(steps=STEPS)
@settings(max_examples=60)
def test_any_order_of_any_calls_follows_the_rules(containers: int, steps: list[tuple[str, str, str]]) -> None:
    """With one container at once; with three after the minute for which they remember."""
    world, expected = World(), Expected()
    planes = [world.restart() for _ in range(containers)]
    for number, (call, id_, user) in enumerate(steps):
        world.now += 1 if containers == 1 else 61
        plane = planes[number % containers]
        if call == "assign":
            assert world.assign(id_, plane) == expected.assign(id_, world.now)
        elif call == "send":
            world.send(id_)
            world.deliver(plane)
            expected.send(id_, world.now)
        elif call == "identify" and id_ != user:
            assert identify(world, id_, user, plane) == expected.identify(id_, user, world.now)
            world.deliver(plane)
        elif call == "event" and id_ != user:
            world.send(user, "$identify", properties={"anonymous_id": id_})
            world.deliver(plane)
            expected.identify(id_, user, world.now)
            world.now += 61  # other containers remember for a minute that there was no link
        elif call == "restart":
            expected.iteration += 1
            world.publish(iteration=expected.iteration)
            planes = [world.restart() for _ in range(containers)]
        elif call in ("expire", "half"):
            world.now += (91 if call == "expire" else 46) * DAY
    for iteration in range(1, expected.iteration + 1):
        scope = experiment_scope("checkout", iteration)
        counted = {v: n for (number, v), n in expected.events.items() if number == iteration}
        assert world.counted(scope) == counted
        assert world.counted_users(scope) == expected.count_users(iteration)
