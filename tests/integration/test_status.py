"""`status` against AWS: what CloudWatch, SQS, S3 and DynamoDB answer becomes a snapshot."""

import time
from typing import Any

import pytest

from chalicelib.domain.status.judging import State
from chalicelib.domain.status.lines import list_lines
from chalicelib.domain.status.snapshot import Queue, Snapshot, Unanswered
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.key_snapshots import KeySnapshotStore
from chalicelib.stores.snapshots import SnapshotStore
from chalicelib.stores.status_sources import StatusSources
from realtime.local.clients import Clients
from realtime.local.cloudwatch import Reporter
from realtime.local.pump import Pump
from realtime.local.streams import KinesisStream
from realtime.resources import describe
from tests.support.experiments import published_flag


@pytest.fixture
def sources(
    aws_settings: Settings,
    aws_environment: dict[str, str],
    service_clients: ServiceClients,
    monkeypatch: pytest.MonkeyPatch,
) -> StatusSources:
    for name, value in aws_environment.items():
        monkeypatch.setenv(name, value)
    snapshots = SnapshotStore(service_clients, aws_settings.archive_bucket)
    definitions = DefinitionStore(service_clients, aws_settings, None, snapshots)
    return StatusSources(aws_settings, service_clients, definitions)


@pytest.fixture
def pumps(aws_settings: Settings, aws_clients: Clients) -> list[Pump]:
    """They have read an empty stream."""

    def handle(_event: Any, _context: Any) -> dict[str, Any]:
        return {"batchItemFailures": []}

    stream = KinesisStream(aws_clients.kinesis, aws_settings.event_stream)
    listed = [Pump(source, stream, handle, print) for source in describe(aws_settings).event_sources]
    for pump in listed:
        pump.run_once()
    return listed


def judge(sources: StatusSources, snapshot: Snapshot) -> dict[str, State]:
    return {line.name: line.state for line in list_lines(snapshot, sources.conditions)}


# One test, since the metrics of a test stay in the emulator.
def test_a_stack_that_is_well_is_green_and_faults_are_seen(
    sources: StatusSources,
    pumps: list[Pump],
    aws_settings: Settings,
    aws_clients: Clients,
    service_clients: ServiceClients,
) -> None:
    sources._definitions.publish([published_flag()], 0, time.time())
    KeySnapshotStore(service_clients, aws_settings.archive_bucket).write(list, time.time())
    reporter = Reporter(aws_clients, pumps, [aws_settings.quarantine_queue])
    reporter.metrics.record("EventsProcessed", 5)
    reporter.metrics.record_peak("DefinitionsVersion", 1)
    aws_clients.s3.put_object(Bucket=aws_settings.archive_bucket, Key="raw/events/year=1997/x.gz", Body=b"x")
    reporter.report()
    snapshot = sources.take_snapshot(time.time())
    assert {State.OFF, State.GREEN} >= set(judge(sources, snapshot).values()), snapshot
    assert not isinstance(snapshot.published, Unanswered)
    assert snapshot.published.version == 1
    assert time.time() - (snapshot.published.published_at or 0) < 60
    lines = {line.name: line for line in list_lines(snapshot, sources.conditions)}
    assert "local: version 1" in lines["definitions"].text
    assert lines["archive"].figures["newest_object"] is not None

    sqs = aws_clients.sqs
    for queue in (aws_settings.quarantine_queue, describe(aws_settings).failure_queue):
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"], MessageBody="{}")
    reporter.metrics.record("TrackingDropped", 3)
    reporter.metrics.record("BreakerOpened.assignments")
    reporter.metrics.record_peak("DefinitionsAge", 90)
    reporter.report()
    reporter.report()  # looking at a message does not hide it
    snapshot = sources.take_snapshot(time.time())
    assert snapshot.quarantine == snapshot.failed_batches == Queue(1)
    states = judge(sources, snapshot)
    assert (states["quarantine"], states["drops"]) == (State.AMBER, State.AMBER)
    assert {states[name] for name in ("failed batches", "breakers", "definitions")} == {State.RED}
    [line] = [line for line in list_lines(snapshot, sources.conditions) if line.name == "quarantine"]
    assert line.figures["oldest_seconds"] is not None


def test_a_resource_that_is_missing_makes_its_line_unknown(
    sources: StatusSources, aws_settings: Settings, aws_clients: Clients
) -> None:
    aws_clients.s3.delete_bucket(Bucket=aws_settings.archive_bucket)
    snapshot = sources.take_snapshot(time.time())
    assert snapshot.archived == Unanswered("ListObjectsV2 answers NoSuchBucket")
    assert judge(sources, snapshot)["archive"] is State.UNKNOWN
