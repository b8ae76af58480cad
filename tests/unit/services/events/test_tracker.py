"""Which decisions are sent as events, when, and what happens if they cannot be sent."""

import tracemalloc
from collections.abc import Sequence
from itertools import count, pairwise
from typing import Any

import orjson
import pytest

from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.definitions.model import Decision, Evaluation
from chalicelib.domain.errors import NotFound, RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.reasons import Reason
from chalicelib.domain.stream.event import Event, Limits, parse_event
from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.domain.stream.tracking import build_assignment_event
from chalicelib.services.events.tracker import LONGEST_PAUSE, Tracker
from realtime.testing.event_stores import MemoryEventStream
from realtime.testing.stores import MemoryMetrics
from tests.support.experiments import experiment
from tests.support.flags import answer, flag

NOW = 1_800_000_000.0
ON = answer(flag("f", version=7))
OFF = answer(flag("f", version=7, rollout_percentage=0))
EXPERIMENT = experiment(
    "checkout", id="exp-1", variants=[{"key": "treatment", "allocation": 1, "payload": {"colour": "green"}}]
)
DECISION = Decision("treatment", Reason.ASSIGNED, {"colour": "green"})
ASSIGNMENT = AssignmentResult(EXPERIMENT, "u1", DECISION, "a-1", NOW, "u1")


class Stream(MemoryEventStream):
    """Answers the next calls with ``answers``: an error, or the codes of its records."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[RealtimeError | list[str | None]] = []
        self.calls: list[int] = []

    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        self.calls.append(len(records))
        none: list[str | None] = [None] * len(records)
        answer = self.answers.pop(0) if self.answers else none
        if isinstance(answer, RealtimeError):
            raise answer
        self.records += [record for record, code in zip(records, answer, strict=True) if not code]
        return answer


class World:
    """A tracker, what it talks to, and a clock that stands still."""

    def __init__(self, **limits: Any) -> None:
        self.time = 0.0
        self.stream = Stream()
        self.metrics = MemoryMetrics()
        self.stored: list[AssignmentResult] = []
        self.store_error: RealtimeError | None = None
        limits = {"capacity": 100, "window": 600.0, "linger": 0.0} | limits
        self.tracker = Tracker(self.stream, self._store, self.metrics, timer=lambda: self.time, **limits)

    def _store(self, result: AssignmentResult) -> None:
        if self.store_error:
            raise self.store_error
        self.stored.append(result)

    def sent_answers(self) -> list[tuple[str, str]]:
        return [(event["user_id"], event["properties"]["variant"]) for event in self.stream.events]


@pytest.fixture
def world() -> World:
    return World()


def evaluated(
    world: World,
    user: str = "u1",
    evaluation: Evaluation = ON,
    now: float = NOW,
    number: int | None = None,
) -> None:
    buffer = world.tracker.buffer
    buffer.append((buffer.next_number() if number is None else number, user, now, evaluation))


def test_an_evaluation_is_sent_with_flag_variant_reason_user_time_and_version(world: World) -> None:
    evaluated(world)
    assert world.stream.events == []
    assert world.tracker.flush() == 0
    (event,) = world.stream.events
    assert event.pop("event_id")
    assert event == {
        "event_type": "evaluation",
        "user_id": "u1",
        "timestamp": "2027-01-15T08:00:00.000Z",
        "flag_key": "f",
        "properties": {"variant": "on", "reason": "STATIC", "version": 7},
    }
    assert world.stream.records[0].partition_key == "u1"


def test_an_assignment_is_sent_with_its_experiment(world: World) -> None:
    world.tracker.record(ASSIGNMENT)
    world.tracker.flush()
    (event,) = world.stream.events
    assert (event["event_type"], event["user_id"]) == ("assignment", "u1")
    assert event["properties"] == {
        "experiment_key": "checkout",
        "experiment_id": "exp-1",
        "iteration": 1,
        "variant": "treatment",
        "assignment_id": "a-1",
        "reason": "ASSIGNED",
    }
    assert world.stored == []


def test_whatever_is_sent_is_a_valid_event(world: World) -> None:
    evaluated(world, user="ü" * 300)
    world.tracker.record(ASSIGNMENT)
    world.tracker.flush()
    for record in world.stream.records:
        assert isinstance(parse_event(record.data, NOW, Limits()), Event)
        assert len(record.partition_key) <= 256


def test_an_answer_that_a_user_got_already_is_sent_once(world: World) -> None:
    for _ in range(3):
        evaluated(world)
        evaluated(world, evaluation=OFF)
        evaluated(world, user="u2")
        world.tracker.flush()
    assert sorted(world.sent_answers()) == [("u1", "off"), ("u1", "on"), ("u2", "on")]
    assert world.stream.calls == [3]


def test_after_the_window_it_is_sent_again(world: World) -> None:
    evaluated(world)
    world.tracker.flush()
    world.time += 600.0
    evaluated(world, now=NOW + 600.0)
    world.tracker.flush()
    first, second = world.stream.events
    assert first["event_id"] != second["event_id"]


def test_two_containers_give_the_same_answer_the_same_id() -> None:
    first, second = World(), World()
    for world, now in ((first, NOW), (second, NOW + 1)):
        evaluated(world, now=now)
        world.tracker.record(ASSIGNMENT)
        world.tracker.flush()
    assert [event["event_id"] for event in first.stream.events] == [
        event["event_id"] for event in second.stream.events
    ]


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_a_share_of_users_is_sent_for_a_flag_that_is_sampled(share: float) -> None:
    world = World(capacity=2000)
    sampled = answer(flag("f", tracking_sample=share))
    for n in range(2000):
        evaluated(world, f"u{n}", sampled)
    world.tracker.flush()
    assert abs(len(world.sent_answers()) / 2000 - share) < 0.04


def test_many_answers_of_one_request_are_sent_one_by_one() -> None:
    world = World(capacity=1000)
    answers = [answer(flag(f"f{n}")) for n in range(600)]
    world.tracker.buffer.append_many("u1", NOW, answers)
    world.tracker.flush()
    assert {event["flag_key"] for event in world.stream.events} == {f"f{n}" for n in range(600)}
    assert world.stream.calls == [500, 100]


def test_only_records_that_failed_are_sent_again(world: World) -> None:
    world.stream.answers = [["throttled", None, "storage_unavailable"], [None, "throttled"], [None]]
    for user in ("u1", "u2", "u3"):
        evaluated(world, user)
    assert world.tracker.flush() == 0
    assert world.stream.calls == [3, 2, 1]
    assert sorted(world.sent_answers()) == [("u1", "on"), ("u2", "on"), ("u3", "on")]


@pytest.mark.parametrize("error", [StorageUnavailable(), Throttled()])
def test_what_could_not_be_sent_waits_and_a_dead_stream_is_asked_ever_less(
    world: World, error: RealtimeError
) -> None:
    world.stream.answers = [error] * 10
    evaluated(world)
    asked: list[float] = []
    for _ in range(200):
        assert world.tracker.flush() == 1
        if len(world.stream.calls) > len(asked):
            asked.append(world.time)
        world.time += 0.5
    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 1.0
    assert pauses[-1] == LONGEST_PAUSE
    world.stream.answers = []
    world.time += LONGEST_PAUSE
    assert world.tracker.flush() == 0
    assert world.sent_answers() == [("u1", "on")]


def test_at_the_end_no_pause_holds(world: World) -> None:
    world.stream.answers = [StorageUnavailable()]
    evaluated(world)
    assert world.tracker.flush() == 1
    assert world.tracker.flush(last=True) == 0


def test_with_a_linger_flushes_that_send_are_apart() -> None:
    world = World(linger=5.0)
    for user in ("u1", "u2", "u3"):
        evaluated(world, user)
        world.tracker.flush()
        world.time += 1.0
    assert world.stream.calls == [1]
    world.time += 5.0
    assert world.tracker.flush() == 0
    assert world.stream.calls == [1, 2]


def test_the_buffer_is_bounded_and_what_it_drops_is_counted() -> None:
    world = World(capacity=10)
    for n in range(25):
        evaluated(world, f"u{n}")
        world.tracker.record(ASSIGNMENT._replace(user_id=f"v{n}"))
    world.tracker.flush()
    dropped = sum(world.metrics.recorded["TrackingDropped"])
    assert len(world.stream.events) + dropped == 50
    assert len(world.stream.events) == 10


def test_answers_for_many_flags_are_bounded_before_events_are_built_and_drops_are_counted() -> None:
    world = World(capacity=1_000)
    answers = [answer(flag(f"f{n}")) for n in range(300)]
    evaluated(world, "single")

    def ask(requests: int) -> int:
        tracemalloc.clear_traces()
        for _ in range(requests):
            world.tracker.buffer.append_many(f"u{next(numbers)}", NOW, answers.copy())
        return tracemalloc.get_traced_memory()[0]

    numbers = count()
    tracemalloc.start()
    few, many = ask(10), ask(2_000)
    tracemalloc.stop()
    assert many < 2 * few
    world.tracker.flush()
    assert {user for user, _ in world.sent_answers()} == {"single", "u2007", "u2008", "u2009"}
    assert sum(world.metrics.recorded["TrackingDropped"]) == 2_007 * 300
    world.tracker.buffer.append_many("u", NOW, answers * 4)  # more than all that may wait
    world.tracker.flush()
    assert sum(world.metrics.recorded["TrackingDropped"]) == 2_007 * 300 + 200


@pytest.mark.parametrize("flushed_between", [False, True])
def test_threads_that_append_out_of_order_lose_nothing(world: World, flushed_between: bool) -> None:
    buffer = world.tracker.buffer
    first, second, third = buffer.next_number(), buffer.next_number(), buffer.next_number()
    for number in (second, third, first):
        evaluated(world, number=number)
        if flushed_between and number == third:  # while the first has its number and is not there yet
            world.tracker.flush()
    world.tracker.flush()
    counted = sum(world.metrics.recorded.get("TrackingDropped", []))
    assert counted == (1 if flushed_between else 0)
    buffer.next_number()  # one that is pushed out
    evaluated(world, "late")
    world.tracker.flush()
    assert sum(world.metrics.recorded.get("TrackingDropped", [])) == 1  # over all, none is counted twice


def test_what_waits_behind_a_dead_stream_is_bounded_too() -> None:
    world = World(capacity=10)
    world.stream.answers = [StorageUnavailable()] * 100
    for n in range(30):
        evaluated(world, f"u{n}")
        world.tracker.flush()
    assert world.tracker.flush() == 10
    assert sum(world.metrics.recorded["TrackingDropped"]) == 20
    world.stream.answers = []
    world.tracker.flush(last=True)
    assert {user for user, _ in world.sent_answers()} == {f"u{n}" for n in range(20, 30)}  # the latest


def test_an_assignment_that_was_not_stored_is_stored_later(world: World) -> None:
    world.store_error = StorageUnavailable()
    world.tracker.record(ASSIGNMENT._replace(is_persisted=False))
    assert world.tracker.flush() == 1
    assert world.stream.events[0]["properties"]["persisted"] is False
    world.store_error = None
    world.time += 1.0
    assert world.tracker.flush() == 0
    assert [result.user_id for result in world.stored] == ["u1"]
    assert len(world.stream.events) == 1


def test_an_assignment_whose_experiment_is_gone_is_counted_and_forgotten(world: World) -> None:
    world.store_error = NotFound("experiment_not_found", "There is no experiment.")
    world.tracker.record(ASSIGNMENT._replace(is_persisted=False))
    assert world.tracker.flush() == 0
    assert world.metrics.recorded["AssignmentNotStored"] == [1]


def test_without_a_stream_assignments_are_still_stored() -> None:
    stored: list[AssignmentResult] = []
    tracker = Tracker(
        None, stored.append, MemoryMetrics(), capacity=10, window=1, linger=0, timer=lambda: 0.0
    )
    tracker.record(ASSIGNMENT)
    tracker.record(ASSIGNMENT._replace(is_persisted=False))
    assert tracker.flush() == 0
    assert len(stored) == 1


def test_another_variant_of_the_same_assignment_is_another_event() -> None:
    moved = ASSIGNMENT._replace(decision=Decision("control", Reason.REASSIGNED))
    assert build_assignment_event(moved)["event_id"] != build_assignment_event(ASSIGNMENT)["event_id"]


def test_an_assignment_after_a_restart_has_its_iteration() -> None:
    restarted = experiment("checkout", id="exp-1", iteration=2)
    event = build_assignment_event(ASSIGNMENT._replace(experiment=restarted))
    assert event["properties"]["iteration"] == 2


def test_a_record_is_json_that_any_producer_could_have_sent(world: World) -> None:
    evaluated(world)
    world.tracker.flush()
    assert orjson.loads(world.stream.records[0].data)["event_type"] == "evaluation"


def test_evaluations_are_counted_when_they_are_sent_whether_or_not_they_repeat(world: World) -> None:
    for user in ("u1", "u1", "u2"):
        evaluated(world, user, OFF)
    assert "FlagEvaluations" not in world.metrics.recorded
    world.tracker.flush()
    assert world.metrics.recorded["FlagEvaluations"] == [3]
