"""What every quarantine does: the one in memory and the one in SQS and S3."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest
from rich.console import Console

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.event import Refusal
from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.domain.stream.quarantine import Quarantine, QuarantineEntry
from chalicelib.domain.stream.records import PoisonRecord
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.quarantine import MAX_INLINE_BYTES, QuarantineQueue
from realtime.commands.quarantine import list_quarantine, redrive_quarantine
from realtime.testing.event_stores import MemoryEventStream, MemoryQuarantine

SHARD = "events/shardId-000000000000"
NOW = 1_795_341_600.0


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


def poison(number: int, payload: bytes, part: int = 0) -> QuarantineEntry:
    refusal = Refusal("invalid_json", "The event is not valid JSON.", "")
    record = PoisonRecord(number, part, "", NOW, "key", payload, refusal)
    return QuarantineEntry(SHARD, str(number), record, NOW + 1)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    "payload", [b"", b"\xff\x00", b"x" * MAX_INLINE_BYTES, b"x" * (MAX_INLINE_BYTES + 1), b"\x00" * 1_048_576]
)
def test_a_record_comes_back_as_it_was_received(store: Quarantine, payload: bytes) -> None:
    assert store.put([poison(7, payload, part=3)]) == [True]
    [waiting] = store.receive()
    assert waiting.payload == payload
    assert waiting.place == f"{SHARD}:7:3"
    assert waiting.description == {
        "shard": SHARD,
        "sequence_number": "7",
        "part": 3,
        "partition_key": "key",
        "code": "invalid_json",
        "message": "The event is not valid JSON.",
        "field": None,
        "arrived_at": "2026-11-22T10:00:00.000Z",
        "quarantined_at": "2026-11-22T10:00:01.000Z",
    }


def test_ten_of_the_largest_inline_payloads_fit_one_call(store: Quarantine) -> None:
    assert store.put([poison(number, b"x" * MAX_INLINE_BYTES) for number in range(10)]) == [True] * 10


def test_looking_changes_nothing(
    store: Quarantine, console: Console, capsys: pytest.CaptureFixture[str]
) -> None:
    store.put([poison(number, b"secret") for number in range(10)])
    store.put([poison(10, b"secret"), poison(3, b"secret")])
    assert list_quarantine(console, store) == 11
    assert list_quarantine(console, store, as_json=True) == 11
    assert "invalid_json" in printed(console)
    assert "secret" not in printed(console)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["payload"] for line in lines} == {"secret"}
    assert len(lines) == 11


def test_an_empty_quarantine_says_so(store: Quarantine, console: Console) -> None:
    assert list_quarantine(console, store) == 0
    assert "Nothing is in quarantine" in printed(console)


def test_redriven_records_keep_their_payload_and_get_one_identity(
    store: Quarantine, console: Console
) -> None:
    stream = MemoryEventStream()
    store.put([poison(1, b"not json"), poison(2, b'{"event_id": "mine"}'), poison(3, b'{"a": 1}', part=2)])
    store.put([poison(3, b'{"a": 1}', part=2)])  # put aside twice: its first answer was lost
    assert redrive_quarantine(console, store, stream) == 3
    sent = {put.data for put in stream.records}
    expected = orjson.dumps({"a": 1, "event_id": f"{SHARD}:3:2"})
    assert sent == {b"not json", b'{"event_id": "mine"}', expected}
    assert {put.partition_key for put in stream.records} == {"key"}
    assert redrive_quarantine(console, store, stream) == 0


def test_what_the_stream_refuses_stays(store: Quarantine, console: Console) -> None:
    class Full(MemoryEventStream):
        def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
            return ["throttled"] if b"1" in records[0].data else super().put(records)

    stream = Full()
    store.put([poison(1, b"1"), poison(2, b"2")])
    with pytest.raises(StorageUnavailable, match=rf"stays in quarantine: {SHARD}:1:0\."):
        redrive_quarantine(console, store, stream)
    assert [put.data for put in stream.records] == [b"2"]
    assert [waiting.payload for waiting in store.receive()] == [b"1"]


def test_a_record_that_can_never_be_sent_holds_up_no_other(store: Quarantine, console: Console) -> None:
    class Strict(MemoryEventStream):
        def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
            if len(records[0].data) > 1_048_576:
                raise StorageUnavailable  # a ValidationException
            return super().put(records)

    deep = b'{"a":' * 400 + b"1" + b"}" * 400  # orjson reads it and cannot write it
    huge = b"x" * 1_048_577
    stream = Strict()
    store.put([poison(1, huge), poison(2, deep), poison(3, b"{")])
    with pytest.raises(StorageUnavailable, match=rf": {SHARD}:1:0\."):
        redrive_quarantine(console, store, stream)
    assert sorted(put.data for put in stream.records) == [b"{", deep]
    assert [waiting.payload for waiting in store.receive()] == [huge]
