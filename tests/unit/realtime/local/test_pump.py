"""The pump over a stream in memory, with a clock that moves only when the pump waits."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from realtime.local.pump import DISCOVERY_SECONDS, Pump
from realtime.resources import EventSource
from tests.support.memory_stream import MemoryKinesis
from tests.support.poll import wait_until

SOURCE = EventSource("event_processor", "events", batch_size=4, window=0.0, retries=2)


@dataclass
class Bench:
    """A pump whose handler, clock and destination are the test's."""

    stream: MemoryKinesis = field(default_factory=MemoryKinesis)
    source: EventSource = SOURCE
    answer: Callable[[list[str]], object] = lambda texts: None
    checkpoints: dict[str, str] = field(default_factory=dict)
    now: float = 0.0
    waits: list[float] = field(default_factory=list)
    seen: list[list[str]] = field(default_factory=list)
    discarded: list[dict[str, Any]] = field(default_factory=list)

    def pump(self) -> Pump:
        return Pump(
            self.source,
            self.stream,
            self.handle,
            self.discarded.append,
            checkpoints=self.checkpoints,
            clock=lambda: self.now,
            wait=self.wait,
        )

    def handle(self, event: Any, context: Any) -> object:
        assert context.get_remaining_time_in_millis() > 0
        texts = [record["text"] for record in event["Records"]]
        self.seen.append(texts)
        return self.answer(texts)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def lost(self) -> list[str]:
        return [message["KinesisBatchInfo"]["startSequenceNumber"] for message in self.discarded]


def failing(*poison: str) -> Callable[[list[str]], object]:
    def answer(texts: list[str]) -> object:
        if set(texts) & set(poison):
            raise ValueError("poison")
        return None

    return answer


def failing_handler(event: Any, context: Any) -> None:
    raise ValueError


def test_records_of_a_shard_come_in_order_in_batches_of_the_configured_size() -> None:
    bench = Bench()
    bench.stream.put(*"abcdefghij")
    bench.pump().drain()
    assert bench.seen == [list("abcd"), list("efgh"), list("ij")]


def test_the_lag_is_the_age_of_the_oldest_record_that_is_not_handled() -> None:
    bench = Bench()
    bench.stream.put(*"ab")
    pump, lags = bench.pump(), list[float]()

    def answer(_texts: list[str]) -> None:
        bench.now += 30  # as long as the handler takes
        lags.append(pump.measure_lag())

    bench.answer = answer
    bench.now = 5
    pump.drain()
    assert lags == [35]
    pump.run_once()
    assert pump.measure_lag() == 0
    bench.now += 60
    assert pump.measure_lag() == 60  # nothing has read since: the pump may have ended


def test_a_pump_that_never_started_lags_behind() -> None:
    bench = Bench()
    pump = bench.pump()
    bench.now = 7
    assert pump.measure_lag() == 7


def test_a_poison_record_is_isolated_and_everything_else_is_handled() -> None:
    bench = Bench(answer=failing("c"))
    numbers = bench.stream.put(*"abcdef")
    bench.pump().drain()
    assert bench.seen == [list(batch) for batch in ("abcd", "ab", "cd", "c", "c", "c", "d", "ef")]
    assert bench.lost() == [numbers[2]]
    assert bench.discarded[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert bench.discarded[0]["KinesisBatchInfo"]["shardId"] == "shard-0"


def test_a_reported_record_is_where_the_next_attempt_starts() -> None:
    bench = Bench()
    numbers = bench.stream.put(*"abcd")
    answers: Iterable[object] = iter([{"batchItemFailures": [{"itemIdentifier": numbers[2]}]}, None])
    bench.answer = lambda texts: next(answers)  # type: ignore[call-overload]  # an iterator
    bench.pump().drain()
    assert bench.seen == [list("abcd"), list("cd")]
    assert not bench.discarded


def test_an_answer_that_is_no_json_fails_the_batch() -> None:
    bench = Bench(answer=lambda texts: object(), source=replace(SOURCE, retries=0))
    bench.stream.put("a")
    bench.pump().drain()
    assert len(bench.discarded) == 1


def test_each_attempt_gets_an_event_of_its_own() -> None:
    seen: list[int] = []

    def handle(event: Any, context: Any) -> None:
        seen.append(len(event["Records"]))
        event["Records"].clear()
        if len(seen) == 1:
            raise ValueError

    stream = MemoryKinesis()
    stream.put("a")
    Pump(SOURCE, stream, handle, lambda message: None, wait=lambda seconds: None).drain()
    assert seen == [1, 1]


def test_a_tumbling_window_names_the_shard_and_asks_for_a_state() -> None:
    bench, events, answers = Bench(), list[Any](), iter([{"batchItemFailures": []}, {"state": {}}])

    def handle(event: Any, context: Any) -> object:
        events.append(event)
        return next(answers)

    bench.stream.put("a")
    source = replace(SOURCE, tumbling_window=900)
    Pump(source, bench.stream, handle, bench.discarded.append, clock=lambda: 0.0, wait=bench.wait).drain()
    assert [event["shardId"] for event in events] == ["shard-0", "shard-0"]
    assert events[0]["window"] == {"start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:15:00Z"}
    assert bench.discarded == []


def test_retries_back_off_exponentially_up_to_a_limit() -> None:
    bench = Bench(answer=failing("a"), source=replace(SOURCE, retries=8))
    bench.stream.put("a")
    bench.pump().drain()
    assert bench.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_records_that_get_too_old_while_one_is_retried_are_discarded_with_it() -> None:
    bench = Bench(answer=failing("a"), source=replace(SOURCE, retries=-1, max_record_age=60))
    bench.stream.put(*"ab")
    bench.pump().drain()
    assert 60 < bench.now < 66
    assert ["b"] not in bench.seen
    conditions = [message["requestContext"]["condition"] for message in bench.discarded]
    assert conditions == ["RecordAgeExceeded", "RecordAgeExceeded"]


def test_a_batching_window_gathers_until_it_is_over_or_the_batch_is_full() -> None:
    bench = Bench(source=replace(SOURCE, window=1.0))
    bench.stream.put("a")
    pump = bench.pump()
    assert pump.run_once(window=1.0) == 1
    assert sum(bench.waits) == pytest.approx(1.0)

    bench.waits.clear()
    bench.stream.put(*"bcde")
    assert pump.run_once(window=1.0) == 4
    assert bench.seen == [["a"], list("bcde")]
    assert bench.waits == []


def test_a_payload_limit_cuts_a_batch_and_the_rest_follows() -> None:
    bench = Bench()
    bench.stream.put(*"abc", size=2_500_000)
    bench.pump().drain()
    assert bench.seen == [["a", "b"], ["c"]]


def test_latest_skips_what_was_there_but_nothing_of_a_child_shard() -> None:
    bench = Bench(source=replace(SOURCE, starting_position="LATEST"))
    bench.stream.put("old")
    pump = bench.pump()
    pump.run_once()
    bench.stream.put("new")
    bench.stream.split(0)
    bench.stream.put("child", shard=1)
    pump.drain()
    assert bench.seen == [["new"], ["child"]]


def test_children_wait_until_their_parents_are_drained() -> None:
    bench = Bench(stream=MemoryKinesis(shards=2))
    bench.stream.put(*"abcdef", shard=0)
    bench.stream.put("g", shard=1)
    bench.stream.merge(0, 1)
    bench.stream.put("h", shard=2)
    bench.stream.split(2)
    bench.stream.put("i", shard=3)
    bench.pump().drain()
    order = [text for batch in bench.seen for text in batch]
    assert order[-2:] == ["h", "i"]
    assert sorted(order) == list("abcdefghi")


def test_an_expired_iterator_loses_and_repeats_nothing() -> None:
    bench = Bench()
    bench.stream.put(*"abcdefgh")
    bench.stream.expired = {"4"}
    bench.pump().drain()
    assert bench.seen == [list("abcd"), list("efgh")]


def test_a_pump_resumes_after_its_checkpoints() -> None:
    bench = Bench(stream=MemoryKinesis(shards=2))
    bench.stream.put(*"abcdef", shard=0)
    bench.stream.put("g", shard=1)
    first = bench.pump()
    first.run_once()
    assert first.checkpoints == {"shard-0": "4", "shard-1": "7"}
    bench.checkpoints = first.checkpoints
    bench.pump().drain()
    assert bench.seen[2:] == [["e", "f"]]


def test_more_than_one_consumer_a_shard_is_refused() -> None:
    with pytest.raises(ValueError, match="one consumer a shard, not 2"):
        Bench(source=replace(SOURCE, parallelization=2)).pump()


def test_a_failed_delivery_to_the_destination_is_not_taken_for_done() -> None:
    stream = MemoryKinesis()
    seen: list[object] = []
    stream.put("a")

    def unreachable(message: object) -> None:
        seen.append(message)
        if len(seen) == 1:
            raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    pump = Pump(replace(SOURCE, retries=0), stream, failing_handler, unreachable)
    with pytest.raises(EndpointConnectionError):
        pump.run_once()
    assert pump.checkpoints == {}
    assert pump.run_once() == 1
    assert len(seen) == 2


@given(
    counts=st.lists(st.integers(0, 12), min_size=1, max_size=3),
    batch_size=st.integers(1, 5),
    retries=st.integers(0, 2),
    bisect=st.booleans(),
    data=st.data(),
)
def test_every_record_is_acknowledged_or_discarded_once_and_in_order_of_its_shard(
    counts: list[int], batch_size: int, retries: int, bisect: bool, data: st.DataObject
) -> None:
    stream = MemoryKinesis(shards=len(counts))
    given_records = {
        f"shard-{shard}": stream.put(*[f"{shard}"] * count, shard=shard) for shard, count in enumerate(counts)
    }
    over: dict[str, list[str]] = {f"shard-{shard}": [] for shard in range(len(counts))}

    def handle(event: Any, context: Any) -> object:
        numbers = [record["kinesis"]["sequenceNumber"] for record in event["Records"]]
        shard = f"shard-{event['Records'][0]['text']}"
        expected = given_records[shard][len(over[shard]) :][: len(numbers)]
        assert numbers == expected  # the next ones of the shard: none skipped, none again
        kind = data.draw(st.sampled_from(["success", "raise", "malformed", "report"]))
        if kind == "raise":
            raise RuntimeError
        if kind == "malformed":
            return {"batchItemFailures": [{"itemIdentifier": "unknown"}]}
        if kind == "report":
            failed = data.draw(st.lists(st.sampled_from(numbers), min_size=1, unique=True))
            over[shard] += numbers[: min(map(numbers.index, failed))]
            return {"batchItemFailures": [{"itemIdentifier": number} for number in failed]}
        over[shard] += numbers
        return None

    def discard(message: dict[str, Any]) -> None:
        where = message["KinesisBatchInfo"]
        numbers = given_records[where["shardId"]]
        first, last = numbers.index(where["startSequenceNumber"]), numbers.index(where["endSequenceNumber"])
        assert where["batchSize"] == last - first + 1
        over[where["shardId"]] += numbers[first : last + 1]

    source = replace(SOURCE, batch_size=batch_size, retries=retries, bisect=bisect)
    pump = Pump(source, stream, handle, discard, wait=lambda seconds: None)
    pump.drain()
    assert over == given_records
    assert pump.checkpoints == {shard: numbers[-1] for shard, numbers in given_records.items() if numbers}


@given(
    poison=st.sets(st.integers(0, 19)),
    batch_size=st.integers(1, 20),
    reporting=st.booleans(),
)
def test_with_bisect_exactly_the_poison_is_discarded_one_by_one(
    poison: set[int], batch_size: int, reporting: bool
) -> None:
    stream = MemoryKinesis()
    lost: list[dict[str, Any]] = []
    numbers = stream.put(*map(str, range(20)))
    attempts = dict.fromkeys(poison, 0)

    def handle(event: Any, context: Any) -> object:
        bad = [int(record["text"]) for record in event["Records"] if int(record["text"]) in poison]
        if bad and len(event["Records"]) == 1:
            attempts[bad[0]] += 1
        if bad and not reporting:
            raise ValueError
        return {"batchItemFailures": [{"itemIdentifier": numbers[index]} for index in bad]}

    source = replace(SOURCE, batch_size=batch_size)
    pump = Pump(source, stream, handle, lost.append, wait=lambda seconds: None)
    pump.drain()
    assert [message["KinesisBatchInfo"]["startSequenceNumber"] for message in lost] == [
        numbers[index] for index in sorted(poison)
    ]
    assert all(message["KinesisBatchInfo"]["batchSize"] == 1 for message in lost)
    assert set(attempts.values()) <= {source.retries + 1}


def test_threads_deliver_shards_side_by_side_and_drain_and_stop_end_them() -> None:
    stream = MemoryKinesis(shards=2)
    both = threading.Barrier(2, timeout=10)
    seen: list[str] = []

    def handle(event: Any, context: Any) -> None:
        both.wait()  # each shard's first batch waits for the other's
        seen.extend(record["text"] for record in event["Records"])

    stream.put("a", shard=0)
    stream.put("b", shard=1)
    pump = Pump(replace(SOURCE, window=30.0), stream, handle, lambda message: None)
    pump.start()
    pump.drain(10)
    assert sorted(seen) == ["a", "b"]
    pump.stop()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("event_processor")] == []


def test_a_long_drain_lists_the_shards_no_more_often_than_a_pump_at_work() -> None:
    """Each listing is a request to the emulator, which takes the time of the batches."""
    stream = MemoryKinesis()
    stream.put("a")
    listings = []

    def handle(event: Any, context: Any) -> None:
        wait_until(lambda: stream.listings >= 2)  # the one of the drain, and the next in its time
        listings.append(stream.listings)

    pump = Pump(SOURCE, stream, handle, lambda message: None)
    started = time.monotonic()
    pump.start()
    pump.drain(30)
    pump.stop()
    assert listings[0] <= 3 + (time.monotonic() - started) / DISCOVERY_SECONDS


def test_a_stopped_pump_continues_where_it_was() -> None:
    stream, seen = MemoryKinesis(), []
    stream.put("a")
    pump = Pump(
        SOURCE, stream, lambda event, context: seen.append(len(event["Records"])), lambda message: None
    )
    pump.start()
    pump.drain(10)
    pump.stop()
    stream.put("b")
    pump.start()
    pump.drain(10)
    pump.stop()
    assert seen == [1, 1]


def test_a_stop_interrupts_the_wait_between_retries() -> None:
    bench = Bench(answer=failing("a"))
    bench.stream.put("a")
    pump = Pump(SOURCE, bench.stream, bench.handle, bench.discarded.append, backoff=(60.0, 60.0))
    pump.start()
    wait_until(lambda: bench.seen)
    pump.stop()
    assert (bench.seen, bench.discarded, pump.checkpoints) == ([["a"]], [], {})


def test_a_fault_of_the_pump_itself_is_raised_not_swallowed() -> None:
    class Broken(MemoryKinesis):
        def read(self, shard: str, iterator: str, limit: int) -> None:
            raise KeyError(shard)

    pump = Pump(SOURCE, Broken(), lambda event, context: None, lambda message: None)
    pump.start()
    with pytest.raises(KeyError):
        pump.drain(10)
    pump.stop()


def test_an_unreachable_stream_is_asked_again() -> None:
    class Absent(MemoryKinesis):
        def read(self, shard: str, iterator: str, limit: int) -> Any:
            if not self.reads:
                self.reads += 1
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")
            return super().read(shard, iterator, limit)

    stream, seen = Absent(), []
    stream.put("a")
    pump = Pump(SOURCE, stream, lambda event, context: seen.append(1), lambda message: None)
    pump.start()
    pump.drain(10)
    pump.stop()
    assert seen == [1]
