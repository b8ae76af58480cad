"""Batches that Lambda gave up, on local AWS: what was never counted is counted once."""

import io
import json
import time
from dataclasses import replace
from typing import Any

import orjson
import pytest
from rich.console import Console

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.archive import ArchiveObject
from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.message_queue import MessageQueue
from chalicelib.wiring import Plane
from realtime.commands.quarantine_batches import BatchReport, list_batches, redrive_batches
from realtime.commands.quarantine_changes import Operator
from realtime.local.delivery import Batch, DiscardedBatch, Record, build_failure_message
from realtime.local.streams import KinesisStream
from realtime.quarantine.failed_batches import FailedBatchQueue
from realtime.resources import EventSource, describe
from realtime.testing.stores import MemoryAuditTrail
from tests.support.experiments import published
from tests.support.streams import purchase

SOURCE = EventSource("event_processor", "events")


class NoArchive:
    def put(self, archived: ArchiveObject) -> None:
        raise StorageUnavailable


class Bench:
    """One shard of real records, and the queue of failed batches."""

    def __init__(self, clients: Clients, settings: Settings) -> None:
        self.clients, self.settings = clients, settings
        self.plane = Plane(settings, clients=clients)
        self.console = Console(file=io.StringIO(), width=60)
        self.trail = MemoryAuditTrail()
        self._stream = KinesisStream(clients.kinesis, settings.event_stream)
        self._messages = MessageQueue(clients, describe(settings).failure_queue)
        self.queue = FailedBatchQueue(self._messages)

    def send(self, number: int, **fields: Any) -> list[Record]:
        """Purchases of one shard, as Lambda would get them, after those that were sent before."""
        events = [orjson.dumps(purchase("u1", value=1, **self._now(), **fields)) for _ in range(number)]
        self.plane.stream.put([OutgoingRecord(n, "u1", data) for n, data in enumerate(events)])
        return self._read_all()[-number:]

    def fail(self, records: list[Record]) -> None:
        """What Lambda sends when it gives up."""
        message = build_failure_message(
            DiscardedBatch(Batch(tuple(records), invocations=9), "RecordAgeExceeded"),
            SOURCE,
            stream_arn=self._stream.arn,
            shard=records[0].event["eventID"].partition(":")[0],
            now=time.time(),
            request_id="r",
        )
        self._messages.send([json.dumps(message)])

    def redrive(self, **options: Any) -> BatchReport:
        operator = Operator(self.trail, "grace")
        return redrive_batches(self.console, self.queue, self.plane, operator, **options)

    def count(self) -> int:
        items = self.plane.counters.read("checkout")
        return sum(sums.count for item in items for sums in item.hours.values())

    @property
    def printed(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return " ".join(self.console.file.getvalue().split())

    def _now(self) -> dict[str, str]:
        return {"timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}

    def _read_all(self) -> list[Record]:
        for shard in self._stream.list_shards():
            iterator = self._stream.get_iterator(shard.id, None, "TRIM_HORIZON")
            page = iterator and self._stream.read(shard.id, iterator, 1_000)
            if page and page.records:
                return list(page.records)
        return []


@pytest.fixture
def bench(aws_environment: dict[str, str], aws_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Bench:
    for name, value in aws_environment.items():
        monkeypatch.setenv(name, value)
    settings = replace(aws_settings, event_dedupe="table", read_timeout=5.0)
    clients = Clients(settings)
    DefinitionStore(clients, settings).publish([published(metrics=["purchase"])], 0, 0.0)
    return Bench(clients, settings)


def deliver(plane: Plane, records: list[Record]) -> dict[str, Any]:
    return plane.process({"Records": [record.event for record in records]}, lambda: 60.0)


def test_a_batch_that_was_never_counted_is_counted_once_though_its_shard_has_moved_on(bench: Bench) -> None:
    failed = bench.send(20)
    broken = Plane(bench.settings, clients=bench.clients, archive=NoArchive())
    assert deliver(broken, failed)["batchItemFailures"]  # it has claimed the ids of its events
    bench.fail(failed)
    assert not deliver(bench.plane, bench.send(5))["batchItemFailures"]
    deliver(bench.plane, failed)  # under the shard's own name nothing can be counted any more
    assert bench.count() == 5

    assert list_batches(bench.console, bench.queue) == 1
    assert "RecordAgeExce" in bench.printed
    assert bench.redrive(dry_run=True).counts == {}
    assert "20 of 20 records are in the stream, 0 of them in the archive; 20 to process" in bench.printed
    assert bench.count() == 5

    assert bench.redrive().counts == {"records processed": 20}
    assert bench.count() == 25
    assert bench.queue.measure()[1:] == (0, 0)
    [action] = bench.trail.read(10)
    assert (action.name, action.counts) == ("redrive batches", {"records processed": 20})

    bench.fail(failed)  # the message came twice
    bench.redrive()
    assert bench.count() == 25


def test_what_is_archived_may_be_counted_and_is_left_out_unless_asked_for(bench: Bench) -> None:
    records = bench.send(10)
    deliver(bench.plane, records[:4])
    bench.fail(records)
    report = bench.redrive()
    assert report.counts == {"records processed": 6, "records archived, so perhaps counted": 4}
    assert bench.count() == 10
    assert bench.queue.measure().visible == 1
    assert "drop it, or process what is archived by --archived-too" in bench.printed
    assert bench.redrive(archived_too=True).counts == {"records processed": 10}
    assert bench.count() == 14  # the operator said so; and once more changes nothing
    bench.fail(records)
    bench.redrive(archived_too=True)
    assert bench.count() == 14


def test_poison_of_a_batch_goes_into_quarantine_under_its_own_place(bench: Bench) -> None:
    good, bad = bench.send(1), bench.send(1, event_type="")
    bench.fail(good + bad)
    assert bench.redrive().counts == {"records processed": 2, "events put into quarantine": 1}
    [waiting] = bench.plane.quarantine.receive(1)
    shard = bad[0].event["eventID"].partition(":")[0]
    assert waiting.place == f"{bench.settings.event_stream}/{shard}:{bad[0].sequence_number}:0"


def test_a_batch_that_fails_again_stays(bench: Bench) -> None:
    bench.fail(bench.send(3))
    settings = replace(bench.settings, counters_table="nowhere")
    bench.plane = Plane(settings, clients=bench.clients)
    report = bench.redrive()
    assert (report.failed, report.counts) == (True, {"records that failed again": 3})
    assert bench.queue.measure().visible == 1


def test_a_batch_whose_records_are_gone_stays_and_says_so(bench: Bench) -> None:
    [record] = bench.send(1)
    event = {**record.event, "eventID": "shardId-000000000099:1"}
    bench.fail([replace(record, event=event)])
    report = bench.redrive()
    assert (report.failed, report.counts) == (True, {"records no longer in the stream": 1})
    assert bench.queue.measure().visible == 1


def test_assignments_and_foreign_messages_are_shown_with_what_to_do(bench: Bench) -> None:
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/assignments/stream/2026-11-22T00:00:00.000"
    record = Record("12", time.time(), 1, {})
    message = build_failure_message(
        DiscardedBatch(Batch((record,)), "RecordAgeExceeded"),
        EventSource("assignment_sync", "assignments"),
        stream_arn=arn,
        shard="shardId-1",
        now=time.time(),
        request_id="r",
    )
    bench._messages.send([json.dumps(message), "not json", "{}", "[]"])
    assert list_batches(bench.console, bench.queue) == 4
    report = bench.redrive()
    assert report.failed
    assert "Assignments are not redriven." in bench.printed
    assert bench.queue.measure().visible == 4
