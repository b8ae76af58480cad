"""The pump over the emulator's streams: the shape of events, and what the project needs of the emulator."""

import base64
from dataclasses import replace
from typing import Any

from chalicelib.settings import Settings
from realtime.local.clients import Clients
from realtime.local.pump import Pump
from realtime.local.streams import KinesisStream, TableStream
from realtime.resources import EventSource
from tests.support.poll import wait_until

SOURCE = EventSource("event_processor", "events", window=0.0)
HALF = 2**127


def put(clients: Clients, settings: Settings, *texts: str) -> list[str]:
    answer = clients.kinesis.put_records(
        StreamName=settings.event_stream,
        Records=[{"Data": text.encode(), "PartitionKey": text} for text in texts],
    )
    return [record["SequenceNumber"] for record in answer["Records"]]


def collect(events: list[dict[str, Any]]) -> Any:
    def handle(event: Any, context: Any) -> None:
        events.extend(event["Records"])

    return handle


def unexpected(message: object) -> None:
    raise AssertionError(message)


def texts(events: list[dict[str, Any]]) -> list[str]:
    return [base64.b64decode(event["kinesis"]["data"]).decode() for event in events]


def test_a_kinesis_record_looks_as_lambda_sends_it(aws_clients: Clients, aws_settings: Settings) -> None:
    stream = KinesisStream(aws_clients.kinesis, aws_settings.event_stream)
    events: list[dict[str, Any]] = []
    (number,) = put(aws_clients, aws_settings, "héllo")
    Pump(SOURCE, stream, collect(events), unexpected).drain()
    (event,) = events
    arrived = event["kinesis"].pop("approximateArrivalTimestamp")
    assert isinstance(arrived, float)
    shard, _, sequence_number = event.pop("eventID").partition(":")
    assert (shard[:8], sequence_number) == ("shardId-", number)
    assert event == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "héllo",
            "sequenceNumber": number,
            "data": base64.b64encode("héllo".encode()).decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/local",
        "awsRegion": "us-east-1",
        "eventSourceARN": f"arn:aws:kinesis:us-east-1:000000000000:stream/{aws_settings.event_stream}",
    }


def test_a_table_change_looks_as_lambda_sends_it(aws_clients: Clients, aws_settings: Settings) -> None:
    table, events = aws_settings.assignments_table, list[dict[str, Any]]()
    stream = TableStream(aws_clients.table_streams, table)
    aws_clients.dynamodb.put_item(
        TableName=table, Item={"id": {"S": "e#u"}, "ttl": {"N": "1"}, "b": {"B": b"\0"}}
    )
    aws_clients.dynamodb.delete_item(TableName=table, Key={"id": {"S": "e#u"}})
    Pump(replace(SOURCE, source=table), stream, collect(events), unexpected).drain()
    insert, remove = events
    assert (insert["eventName"], remove["eventName"]) == ("INSERT", "REMOVE")
    assert insert["eventSource"] == "aws:dynamodb"
    assert insert["eventSourceARN"] == stream.arn
    assert isinstance(insert["dynamodb"]["ApproximateCreationDateTime"], float)
    assert insert["dynamodb"]["NewImage"] == {"id": {"S": "e#u"}, "ttl": {"N": "1"}, "b": {"B": "AA=="}}
    assert remove["dynamodb"]["OldImage"]["id"] == {"S": "e#u"}
    assert int(insert["dynamodb"]["SequenceNumber"]) < int(remove["dynamodb"]["SequenceNumber"])


def test_a_table_stream_resumes_after_a_checkpoint(aws_clients: Clients, aws_settings: Settings) -> None:
    table, seen = aws_settings.assignments_table, list[dict[str, Any]]()
    stream = TableStream(aws_clients.table_streams, table)
    aws_clients.dynamodb.put_item(TableName=table, Item={"id": {"S": "1"}})
    first = Pump(SOURCE, stream, collect([]), unexpected)
    first.drain()
    aws_clients.dynamodb.put_item(TableName=table, Item={"id": {"S": "2"}})
    Pump(SOURCE, stream, collect(seen), unexpected, checkpoints=first.checkpoints).drain()
    assert [event["dynamodb"]["Keys"]["id"]["S"] for event in seen] == ["2"]


def test_sequence_numbers_grow_and_both_shards_are_used(aws_clients: Clients, aws_settings: Settings) -> None:
    stream = KinesisStream(aws_clients.kinesis, aws_settings.event_stream)
    events: list[dict[str, Any]] = []
    sent = [str(number) for number in range(50)]
    numbers = [int(number) for number in put(aws_clients, aws_settings, *sent)]
    assert numbers == sorted(set(numbers))
    Pump(SOURCE, stream, collect(events), unexpected).drain()
    assert sorted(texts(events)) == sorted(sent)
    assert len({event["eventID"].split(":")[0] for event in events}) == 2


def test_shards_that_were_split_and_merged_are_followed(aws_clients: Clients, aws_settings: Settings) -> None:
    """The emulator drops a shard's unread records when it is split: unlike AWS, so they are read before."""
    kinesis, name = aws_clients.kinesis, aws_settings.event_stream
    stream = KinesisStream(kinesis, name)
    events: list[dict[str, Any]] = []
    pump = Pump(SOURCE, stream, collect(events), unexpected)
    pump.start()
    put(aws_clients, aws_settings, "a")
    pump.drain()
    lower, upper = sorted(shard.id for shard in stream.list_shards())
    kinesis.split_shard(StreamName=name, ShardToSplit=lower, NewStartingHashKey=str(HALF // 2))
    children = [shard for shard in stream.list_shards() if lower in shard.parents]
    assert len(children) == 2
    put(aws_clients, aws_settings, "b")
    pump.drain()
    kinesis.merge_shards(StreamName=name, ShardToMerge=children[1].id, AdjacentShardToMerge=upper)
    put(aws_clients, aws_settings, "c")
    pump.drain()
    pump.stop()
    assert texts(events) == ["a", "b", "c"]


def test_a_running_pump_needs_no_drain(aws_clients: Clients, aws_settings: Settings) -> None:
    events: list[dict[str, Any]] = []
    stream = KinesisStream(aws_clients.kinesis, aws_settings.event_stream)
    pump = Pump(SOURCE, stream, collect(events), unexpected)
    pump.start()
    put(aws_clients, aws_settings, "a", "b", "c")
    wait_until(lambda: len(events) == 3)
    pump.stop()
