"""What every quarantine does: the one in memory and the one in SQS and S3."""

import hashlib
import io
import json
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from rich.console import Console

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.assignment_history import HistoryRow, write_payload
from chalicelib.domain.stream.event import Refusal
from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.domain.stream.quarantine import Kind, Quarantine, QuarantinedRecord, QuarantineEntry
from chalicelib.domain.stream.records import PoisonRecord
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.quarantine import MAX_INLINE_BYTES, QuarantineQueue
from realtime.commands.quarantine import list_quarantine, never, show_records, show_stats
from realtime.commands.quarantine_changes import Edit, Operator, drop_records, edit_record, redrive_quarantine
from realtime.quarantine.held import hold_all
from realtime.quarantine.interrupt import exit_on_interrupt, stop_on_interrupt
from realtime.quarantine.redrive import Redrive
from realtime.quarantine.selection import Selection
from realtime.quarantine.targets import EventTarget, Sending, Targets, send_rows
from realtime.testing.event_stores import MemoryEventStream, MemoryQuarantine
from realtime.testing.stores import MemoryAssignmentHistory, MemoryAuditTrail

SHARD = "events/shardId-000000000000"
NOW = 1_795_341_600.0
OPERATOR = Operator(MemoryAuditTrail(), "grace")


@pytest.fixture
def queue(
    aws_environment: dict[str, str], aws_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> QuarantineQueue:
    """With the command line's read timeout, which is longer than the wait for an empty queue."""
    for name, value in aws_environment.items():
        monkeypatch.setenv(name, value)
    clients = Clients(replace(aws_settings, read_timeout=5.0))
    return QuarantineQueue(clients, aws_settings.quarantine_queue, aws_settings.archive_bucket)


@pytest.fixture(params=["memory", "sqs"])
def store(request: pytest.FixtureRequest) -> Quarantine:
    if request.param == "memory":
        return MemoryQuarantine()
    queue: QuarantineQueue = request.getfixturevalue("queue")
    return queue


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def poison(
    number: int, payload: bytes, part: int = 0, code: str = "invalid_json", kind: Kind = "event"
) -> QuarantineEntry:
    refusal = Refusal(code, "The event is not valid JSON.", "")
    record = PoisonRecord(number, part, "", NOW, "key", payload, refusal)
    return QuarantineEntry(SHARD, str(number), record, NOW + 1, kind)


def put(store: Quarantine, *entries: QuarantineEntry) -> None:
    for start in range(0, len(entries), 10):
        assert all(store.put(entries[start : start + 10]))


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def to(stream: MemoryEventStream, *, backfill: bool = False) -> Targets:
    return {"event": EventTarget(stream, backfill=backfill, pause=lambda _: None)}


def waiting(store: Quarantine) -> Counter[bytes | None]:
    """The payloads that are visible; they stay so."""
    payloads: Counter[bytes | None] = Counter()
    records = []
    while batch := store.receive():
        payloads.update(map(store.read_payload, batch))
        records.append(batch)
    for batch in records:
        store.hide(batch, 0)
    return payloads


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\x00", b"x" * MAX_INLINE_BYTES, b"x" * (MAX_INLINE_BYTES + 1), b"\x00" * 1_048_576]
)
def test_a_record_comes_back_as_it_was_received(store: Quarantine, payload: bytes) -> None:
    assert store.put([poison(7, payload, part=3)]) == [True]
    [record] = store.receive()
    assert store.read_payload(record) == payload
    assert record.place == f"{SHARD}:7:3"
    description = {name: value for name, value in record.description.items() if name != "payload_at"}
    assert description == {
        "kind": "event",
        "shard": SHARD,
        "sequence_number": "7",
        "part": 3,
        "partition_key": "key",
        "code": "invalid_json",
        "message": "The event is not valid JSON.",
        "field": None,
        "bytes": len(payload),
        "arrived_at": "2026-11-22T10:00:00.000Z",
        "quarantined_at": "2026-11-22T10:00:01.000Z",
    }


def test_ten_of_the_largest_inline_payloads_fit_one_call(store: Quarantine) -> None:
    assert store.put([poison(number, b"x" * MAX_INLINE_BYTES) for number in range(10)]) == [True] * 10


def test_a_queue_says_what_is_visible_and_what_is_hidden(store: Quarantine) -> None:
    put(store, *(poison(number, b"") for number in range(3)))
    [*received] = store.receive()
    store.hide(received[:1], 0)
    assert store.measure()[1:] == (1, 2)
    assert abs(store.measure().now - received[0].sent_at) < 60
    assert store.remove(received[1:]) == [True, True]
    assert store.measure()[1:] == (1, 0)


def test_looking_changes_nothing(
    store: Quarantine, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    put(store, *(poison(number, b"secret") for number in range(11)))
    put(store, poison(3, b"secret"))  # put aside twice: its first answer was lost
    assert show_stats(console, store) == 11
    assert list_quarantine(console, store, as_json=True) == 11
    assert "11 records" in printed(console)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["payload"] for line in lines} == {"secret"}
    assert len(lines) == 11
    assert store.measure()[1:] == (12, 0)


def test_an_empty_quarantine_says_so(store: Quarantine, console: Console) -> None:
    assert list_quarantine(console, store) == 0
    assert "Nothing is in quarantine." in printed(console)


def test_a_partition_key_is_shown_as_a_hash(console: Console, capsys: pytest.CaptureFixture[str]) -> None:
    store = MemoryQuarantine()
    for number, key in enumerate(["u-4711", "u-4711", "ü" * 300, ""]):
        refusal = Refusal("invalid_json", "The event is not valid JSON.", "")
        put(
            store,
            QuarantineEntry(SHARD, str(number), PoisonRecord(number, 0, "", NOW, key, b"?", refusal), NOW),
        )
    shown = []
    for show in (list_quarantine, show_records):
        show(console, store, Selection(), as_json=True)
        shown += [json.loads(line)["partition_key"] for line in capsys.readouterr().out.splitlines()]
        show(console, store, Selection())
    assert len(set(shown)) == 3
    assert shown[:2] == ["sha256:" + hashlib.sha256(b"u-4711").hexdigest()[:16]] * 2
    for text in (printed(console), *shown):
        assert "4711" not in text
        assert "ü" not in text


def test_what_another_run_holds_is_said(console: Console) -> None:
    store = MemoryQuarantine()
    put(store, poison(1, b"x"))
    store.receive()
    assert list_quarantine(console, store) == 0
    assert "Another run holds 1, or one was killed" in printed(console)


def test_redriven_records_keep_their_payload_and_get_one_identity(
    store: Quarantine, console: Console
) -> None:
    stream = MemoryEventStream()
    put(store, poison(1, b"not json"), poison(2, b'{"event_id": "mine"}'), poison(3, b'{"a": 1}', part=2))
    put(store, poison(3, b'{"a": 1}', part=2))  # put aside twice: its first answer was lost
    report = redrive_quarantine(console, store, to(stream), OPERATOR)
    assert (report.sent, report.refused) == ({"invalid_json": 3}, {})
    assert {put.data for put in stream.records} == {
        b"not json",
        b'{"event_id": "mine","realtime":{"received_at":1795341600.0}}',
        b'{"a": 1,"event_id":"%b:3:2","realtime":{"received_at":1795341600.0}}' % SHARD.encode(),
    }
    assert {put.partition_key for put in stream.records} == {"key"}
    assert not redrive_quarantine(console, store, to(stream), OPERATOR).sent
    assert store.measure()[1:] == (0, 0)


class StillBad(MemoryEventStream):
    """A stream whose processor puts everything back into quarantine at once."""

    def __init__(self, store: Quarantine) -> None:
        super().__init__()
        self._store = store

    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        for record in records:
            put(self._store, poison(1_000 + len(self.records), record.data, code="too_deep"))
        return super().put(records)


def test_records_that_are_still_bad_are_sent_once_and_the_run_ends(
    store: Quarantine, console: Console
) -> None:
    put(store, *(poison(number, b"%d" % number) for number in range(40)))
    stream = StillBad(store)
    report = redrive_quarantine(console, store, to(stream), OPERATOR, wait=10)
    assert Counter(record.data for record in stream.records) == {b"%d" % number: 1 for number in range(40)}
    assert (report.sent, report.came_back) == ({"invalid_json": 40}, {"too_deep": 40})
    assert "Came back so far, still bad: 40 records: 40 too_deep." in printed(console)
    assert store.measure()[1:] == (40, 0)


def test_records_that_keep_arriving_do_not_keep_a_run_from_its_end(console: Console) -> None:
    clock = [NOW]

    class Busy(MemoryQuarantine):
        """With each look one more record arrives, and time passes."""

        def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
            clock[0] += 0.1
            super().put([poison(len(self.entries), b"new")])
            return super().receive(wait)

    store = Busy(lambda: clock[0])
    store.put([poison(number, b"old") for number in range(500, 530)])
    report = redrive_quarantine(console, store, to(MemoryEventStream()), OPERATOR)
    assert report.sent["invalid_json"] >= 30
    assert len(store.entries) < 100


def test_a_run_longer_than_messages_are_hidden_sends_nothing_twice(console: Console) -> None:
    clock = [NOW]
    store = MemoryQuarantine(lambda: clock[0])
    put(store, *(poison(number, b"%d" % number) for number in range(200)))

    class Slow(MemoryEventStream):
        def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
            clock[0] += 400
            return super().put(records)

    with hold_all(store, never, timer=lambda: clock[0]) as held:
        records = Selection().select(held.messages)
        redrive = Redrive(store, held, to(stream := Slow()))
        for part in range(0, 200, 20):
            redrive.send(records[part : part + 20], never)
            assert store.receive() == []
    assert clock[0] - NOW == 4_000
    assert len({record.data for record in stream.records}) == len(stream.records) == 200


def test_what_the_stream_refuses_stays_and_is_counted_by_code(console: Console) -> None:
    store = MemoryQuarantine()

    class Full(MemoryEventStream):
        def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
            refused = [record for record in records if b"1" in record.data]
            super().put([record for record in records if record not in refused])
            return ["throttled" if record in refused else None for record in records]

    stream = Full()
    put(store, poison(1, b"1"), poison(2, b"2", code="too_old"))
    report = redrive_quarantine(console, store, to(stream), OPERATOR)
    assert (report.sent, report.refused) == ({"too_old": 1}, {("invalid_json", "throttled"): 1})
    assert [put.data for put in stream.records] == [b"2"]
    assert waiting(store) == {b"1": 1}
    assert "Refused, and still in quarantine: 1 record: 1 throttled." in printed(console)


def test_a_stream_that_throttles_now_and_then_gets_everything(console: Console) -> None:
    class Throttling(MemoryEventStream):
        calls = 0

        def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
            self.calls += 1
            if self.calls % 3 == 0:
                raise Throttled
            taken = records[: max(1, len(records) // 2)]
            super().put(taken)
            return [None if record in taken else "throttled" for record in records]

    store, stream = MemoryQuarantine(), Throttling()
    put(store, *(poison(number, b"%d" % number) for number in range(50)))
    targets: Targets = {"event": EventTarget(stream, pause=lambda _: None)}
    assert not redrive_quarantine(console, store, targets, OPERATOR).refused
    assert len({record.data for record in stream.records}) == len(stream.records) == 50


def test_a_record_that_can_never_be_sent_holds_up_no_other(console: Console) -> None:
    store = MemoryQuarantine()

    class Strict(MemoryEventStream):
        def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
            if any(len(record.data) > 1_048_576 for record in records):
                raise StorageUnavailable  # a ValidationException
            return super().put(records)

    deep = b'{"a":' * 400 + b"1" + b"}" * 400  # orjson reads it and cannot write it
    huge = b"x" * 1_048_577
    stream = Strict()
    put(store, poison(1, huge), poison(2, deep), poison(3, b"{"))
    report = redrive_quarantine(console, store, to(stream), OPERATOR)
    assert report.refused == {("invalid_json", "storage_unavailable"): 1}
    [other] = [put.data for put in stream.records if put.data != b"{"]
    assert other.startswith(deep[:-1] + b',"event_id":')
    assert waiting(store) == {huge: 1}


def test_ctrl_c_removes_what_was_sent_and_shows_the_rest_at_once(store: Quarantine, console: Console) -> None:
    put(store, *(poison(number, b"%d" % number) for number in range(250)))
    trail = MemoryAuditTrail()

    class Interrupting(MemoryEventStream):
        def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
            if not self.records:
                signal.raise_signal(signal.SIGINT)
            return super().put(records)

    stream = Interrupting()

    def run() -> None:
        with exit_on_interrupt() as is_stopping:
            operator = Operator(trail, "grace")
            redrive_quarantine(console, store, to(stream), operator, is_stopping=is_stopping)

    with pytest.raises(KeyboardInterrupt):
        run()
    sent = {record.data for record in stream.records}
    assert len(sent) == len(stream.records) == 100
    rest = waiting(store)
    assert rest == {b"%d" % number: 1 for number in range(250) if b"%d" % number not in sent}
    [action] = trail.read(10)
    assert action.outcome == "interrupted"
    assert action.counts == {"invalid_json sent": 100, "invalid_json not tried": 150}


def test_ctrl_c_while_records_are_received_shows_all_of_them_at_once(console: Console) -> None:
    class Interrupting(MemoryQuarantine):
        def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
            records = super().receive(wait)
            if self.measure().hidden == 50:
                signal.raise_signal(signal.SIGINT)
            return records

    store = Interrupting()
    put(store, *(poison(number, b"x") for number in range(90)))
    with stop_on_interrupt() as is_stopping:
        redrive_quarantine(console, store, to(MemoryEventStream()), OPERATOR, is_stopping=is_stopping)
        assert is_stopping()
    assert store.measure().visible == 90
    assert "Interrupted: nothing was sent." in printed(console)


def test_a_selection_is_sent_and_the_rest_stays(console: Console) -> None:
    store = MemoryQuarantine()
    put(store, poison(1, b"1"), poison(2, b"2", code="too_old"), poison(3, b"3", code="too_old"))
    stream, chosen = MemoryEventStream(), Selection(codes=("too_old",), places=(f"{SHARD}:2:0",))
    redrive_quarantine(console, store, to(stream), OPERATOR, chosen, dry_run=True)
    assert (stream.records, store.measure().visible) == ([], 3)
    assert "Would be sent: 1 record: 1 too_old." in printed(console)
    assert "This version still refuses 1 record: 1 not_an_object" in printed(console)
    redrive_quarantine(console, store, to(stream), OPERATOR, chosen)
    assert [record.data for record in stream.records] == [b"2"]
    assert waiting(store) == {b"1": 1, b"3": 1}
    assert "Not selected, and still in quarantine: 2." in printed(console)


def test_dropping_asks_and_deletes_the_selection_with_its_copies(console: Console) -> None:
    store = MemoryQuarantine()
    put(store, poison(1, b"1"), poison(2, b"2", code="too_old"), poison(2, b"2", code="too_old"))
    questions: list[str] = []
    too_old = Selection(codes=("too_old",))

    def drop(answer: bool, *, dry_run: bool = False) -> int:
        def confirm(question: str) -> bool:
            questions.append(question)
            return answer

        return drop_records(console, store, OPERATOR, too_old, confirm, dry_run=dry_run)

    assert drop(True, dry_run=True) == 0
    assert drop(False) == 0
    assert store.measure().visible == 3
    assert drop(True) == 1
    assert questions == ["Delete 1 record: 1 too_old?"] * 2
    assert waiting(store) == {b"1": 1}


def test_an_edited_record_is_sent_under_its_identity(console: Console) -> None:
    store = MemoryQuarantine()
    stream, trail = MemoryEventStream(), MemoryAuditTrail()
    bad = b'{"event_type": "purchase", "user_id": 7, "timestamp": "2026-11-22T10:00:00Z"}'
    put(store, poison(1, bad), poison(1, bad), poison(2, b"2"))
    operator = Operator(trail, "grace", reason="a producer's mistake")
    place = f"{SHARD}:1:0"
    with pytest.raises(ValueError, match="it would be refused again: invalid_field, user_id"):
        edit_record(console, store, to(stream), operator, place, Edit(["value=2"]))
    assert stream.records == []
    edit_record(console, store, to(stream), operator, place, Edit(['user_id="secret-7"', "properties.a=b"]))
    [event] = stream.events
    assert event == {
        **orjson.loads(bad),
        "user_id": "secret-7",
        "properties": {"a": "b"},
        "event_id": place,
        "realtime": {"received_at": NOW},
    }
    assert waiting(store) == {b"2": 1}
    [action] = trail.read(10)
    assert (action.name, action.by, action.reason) == ("edit", "grace", "a producer's mistake")
    assert action.selection == f"--place {place} --set user_id --set properties.a"
    assert "secret" not in str(action)


def test_each_kind_goes_to_its_own_target(console: Console) -> None:
    store = MemoryQuarantine()
    row = b'{"user_id": "u1"}'
    put(store, poison(1, row, code="postgres_22001", kind="assignment_row"), poison(2, b"2"))
    written: list[bytes] = []
    stream = MemoryEventStream()
    report = redrive_quarantine(console, store, to(stream), OPERATOR, Selection(codes=("postgres_22001",)))
    assert report.refused == {("postgres_22001", "no_target"): 1}

    def write(records: Sending) -> list[str | None]:
        written.extend(payload for _, payload in records)
        return [None] * len(records)

    targets = {**to(stream), "assignment_row": write}
    redrive_quarantine(console, store, targets, OPERATOR)
    assert ([record.data for record in stream.records], written) == ([b"2"], [row])


def test_a_row_that_postgresql_still_refuses_stays(console: Console) -> None:
    store, history = MemoryQuarantine(), MemoryAssignmentHistory()
    row = HistoryRow("a", "checkout", "control", "u\0", *["2026-11-22T10:00:00.000Z"] * 2)
    put(store, poison(1, write_payload(row), code="postgres_22P05", kind="assignment_row"))
    targets = {"assignment_row": send_rows(history)}
    report = redrive_quarantine(console, store, targets, OPERATOR)
    assert report.refused == {("postgres_22P05", "postgres_22P05"): 1}
    edit_record(console, store, targets, OPERATOR, f"{SHARD}:1:0", Edit(["user_id=u"]))
    assert (history.rows["a"].user_id, waiting(store)) == ("u", {})


def test_a_message_that_something_else_sent_is_shown_and_can_be_dropped(
    queue: QuarantineQueue, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    queue._queue.send(["not json", "{}", '{"payload": 1}', "[]"])
    put(queue, poison(1, b"1"))
    assert show_records(console, queue, Selection(codes=("unreadable_message",)), as_json=True) == 4
    lines = [json.loads(line)["payload"] for line in capsys.readouterr().out.splitlines()]
    assert sorted(lines) == ["[]", "not json", '{"payload": 1}', "{}"]
    chosen = Selection(codes=("unreadable_message",))
    assert drop_records(console, queue, OPERATOR, chosen, lambda _: True) == 4
    assert waiting(queue) == {b"1": 1}


def test_a_message_of_an_older_version_is_read(queue: QuarantineQueue) -> None:
    message = {**poison(1, b"").description(), "payload": "eA=="}
    del message["kind"], message["bytes"]
    queue._queue.send([json.dumps(message)])
    [record] = queue.receive()
    assert (queue.read_payload(record), record.description["kind"]) == (b"x", "event")
    assert record.description["bytes"] == 1


def test_a_large_payload_that_is_gone_stops_nothing(queue: QuarantineQueue, console: Console) -> None:
    put(queue, poison(1, b"x" * (MAX_INLINE_BYTES + 1)), poison(2, b"2"))
    clients = queue._clients
    clients.s3.delete_object(Bucket=queue._bucket, Key=poison(1, b"").object_key())
    assert show_records(console, queue, Selection()) == 2
    assert "The payload does not exist any more." in printed(console)
    report = redrive_quarantine(console, queue, to(MemoryEventStream()), OPERATOR)
    assert report.refused == {("invalid_json", "payload_missing"): 1}
