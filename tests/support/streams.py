"""Stream batches as Lambda delivers them."""

import base64
import itertools
from collections.abc import Iterable
from typing import Any

import orjson

from realtime.local.clients import Clients

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/events"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/assignments/stream/2026-11-22T00:00:00.000"
ARRIVED = 1_795_341_600.0  # 2026-11-22T10:00:00Z
FIRST = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
_numbers = itertools.count()


def kinesis(
    payloads: Iterable[Any], *, shard: int = 0, start: int | None = None, arrived: float = ARRIVED
) -> dict[str, Any]:
    """A record for each payload: bytes as they are, a str as the record's ``data``, anything else as JSON."""
    return {
        "Records": [
            record(payload, number, shard=shard, arrived=arrived)
            for number, payload in enumerate(payloads, 0 if start is None else start)
        ]
    }


def record(payload: Any, number: int, *, shard: int = 0, arrived: float = ARRIVED) -> dict[str, Any]:
    """The ``number``-th record of the shard; sequence numbers of real length that leave gaps."""
    sequence_number = str(FIRST + number * 33_554_467)
    if not isinstance(payload, bytes | str):
        payload = orjson.dumps(payload)
    data = base64.b64encode(payload).decode() if isinstance(payload, bytes) else payload
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "user",
            "sequenceNumber": sequence_number,
            "data": data,
            "approximateArrivalTimestamp": arrived,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-{shard:012d}:{sequence_number}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "us-east-1",
        "eventSourceARN": ARN,
    }


def purchase(user: str = "u1", **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{next(_numbers)}",
        "event_type": "purchase",
        "user_id": user,
        "timestamp": "2026-11-22T10:00:00Z",
        **fields,
    }


def resumed(event: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any] | None:
    """What Lambda delivers after ``answer``: all from the lowest failure on; None after a full success."""
    failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    for index, record_ in enumerate(event["Records"]):
        if record_["kinesis"]["sequenceNumber"] in failed:
            return {**event, "Records": event["Records"][index:]}
    return None


def read_events(clients: Clients, stream: str) -> list[dict[str, Any]]:
    """All events of a stream of the local AWS, shard by shard."""
    return [orjson.loads(data) for data in read_data(clients.kinesis, stream)]


def read_data(kinesis: Any, stream: str) -> list[bytes]:
    """All records of a stream, shard by shard."""
    records = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        records += kinesis.get_records(ShardIterator=iterator)["Records"]
    return [record["Data"] for record in records]
