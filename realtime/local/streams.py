"""Read Kinesis and DynamoDB streams shard by shard, as records in the form that Lambda gives a function."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from botocore.exceptions import ClientError

from realtime.local.delivery import Record

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

Position = Literal["TRIM_HORIZON", "LATEST"]
UNKNOWN_PLACE = ("ResourceNotFoundException", "InvalidArgumentException")
TABLE_PAGE = 1000  # the largest limit of GetRecords for a table's stream


@dataclass(frozen=True, slots=True)
class Shard:
    id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    records: tuple[Record, ...]
    iterator: str | None  # None: the shard is closed and read to its end
    at_tip: bool  # the shard had no more records


CLOSED = Page((), None, at_tip=True)


class ReadableStream(Protocol):
    @property
    def arn(self) -> str: ...

    def list_shards(self) -> list[Shard]: ...

    def get_iterator(self, shard: str, after: str | None, position: Position) -> str | None:
        """Start after a sequence number, else at ``position``. None if the shard does not exist any more."""

    def read(self, shard: str, iterator: str, limit: int) -> Page | None:
        """None if the iterator has expired."""


class KinesisStream:
    def __init__(self, kinesis: "KinesisClient", name: str) -> None:
        self._kinesis = kinesis
        self._name = name
        self.arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]

    def list_shards(self) -> list[Shard]:
        shards: list[Shard] = []
        request: dict[str, Any] = {"StreamName": self._name}
        while request:
            answer = self._kinesis.list_shards(**request)
            for shard in answer["Shards"]:
                parents = shard.get("ParentShardId"), shard.get("AdjacentParentShardId")
                shards.append(Shard(shard["ShardId"], tuple(parent for parent in parents if parent)))
            request = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
        return shards

    def get_iterator(self, shard: str, after: str | None, position: Position) -> str | None:
        start: dict[str, Any] = {"ShardIteratorType": position}
        if after:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        try:
            answer = self._kinesis.get_shard_iterator(StreamName=self._name, ShardId=shard, **start)
        except ClientError as error:
            _raise_unless(error, "ResourceNotFoundException")
            return None
        return answer["ShardIterator"]

    def get_iterator_at(self, shard: str, sequence_number: str) -> str | None:
        """Start at this record. None if the stream has neither the shard nor the number any more."""
        start: dict[str, Any] = {
            "ShardIteratorType": "AT_SEQUENCE_NUMBER",
            "StartingSequenceNumber": sequence_number,
        }
        try:
            answer = self._kinesis.get_shard_iterator(StreamName=self._name, ShardId=shard, **start)
        except ClientError as error:
            if error.response["Error"]["Code"] not in UNKNOWN_PLACE:
                raise
            return None
        return answer["ShardIterator"]

    def read(self, shard: str, iterator: str, limit: int) -> Page | None:
        try:
            answer = self._kinesis.get_records(ShardIterator=iterator, Limit=limit)
        except self._kinesis.exceptions.ResourceNotFoundException:
            return CLOSED  # the emulator removes a shard that is split or merged
        except ClientError as error:
            _raise_unless(error, "ExpiredIteratorException")
            return None
        records = tuple(self._build_record(shard, record) for record in answer["Records"])
        at_tip = answer["MillisBehindLatest"] == 0 and len(records) < limit
        return Page(records, answer.get("NextShardIterator"), at_tip)

    def _build_record(self, shard: str, record: Any) -> Record:
        arrived_at = record["ApproximateArrivalTimestamp"].timestamp()
        data = base64.b64encode(record["Data"]).decode()
        event = {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": record["SequenceNumber"],
                "data": data,
                "approximateArrivalTimestamp": arrived_at,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard}:{record['SequenceNumber']}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": _build_role_arn(self.arn),
            "awsRegion": self.arn.split(":")[3],
            "eventSourceARN": self.arn,
        }
        return Record(record["SequenceNumber"], arrived_at, len(data), event)


class TableStream:
    def __init__(self, table_streams: Any, table: str) -> None:
        self._streams = table_streams
        self.arn: str = table_streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]

    def list_shards(self) -> list[Shard]:
        shards: list[Shard] = []
        request: dict[str, Any] = {"StreamArn": self.arn}
        while request:
            answer = self._streams.describe_stream(**request)["StreamDescription"]
            for shard in answer["Shards"]:
                parent = shard.get("ParentShardId")
                shards.append(Shard(shard["ShardId"], (parent,) if parent else ()))
            last = answer.get("LastEvaluatedShardId")
            request = {"StreamArn": self.arn, "ExclusiveStartShardId": last} if last else {}
        return shards

    def get_iterator(self, shard: str, after: str | None, position: Position) -> str | None:
        start: dict[str, Any] = {"ShardIteratorType": position}
        if after:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        try:
            answer = self._streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **start)
        except ClientError as error:
            _raise_unless(error, "ResourceNotFoundException")
            return None
        return str(answer["ShardIterator"])

    def read(self, shard: str, iterator: str, limit: int) -> Page | None:
        del shard  # the eventID of a record does not name it
        try:
            answer = self._streams.get_records(ShardIterator=iterator, Limit=min(limit, TABLE_PAGE))
        except ClientError as error:
            _raise_unless(error, "ExpiredIteratorException")
            return None
        records = tuple(self._build_record(record) for record in answer["Records"])
        return Page(records, answer.get("NextShardIterator"), at_tip=not records)

    def _build_record(self, record: Any) -> Record:
        change = record["dynamodb"]
        arrived_at = change["ApproximateCreationDateTime"].timestamp()
        event = {
            **record,
            "dynamodb": _encode_bytes({**change, "ApproximateCreationDateTime": arrived_at}),
            "eventSourceARN": self.arn,
        }
        return Record(change["SequenceNumber"], arrived_at, change.get("SizeBytes", 0), event)


def _encode_bytes(value: Any) -> Any:
    """Attribute values as JSON: bytes become base64."""
    if isinstance(value, dict):
        return {key: _encode_bytes(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_encode_bytes(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _build_role_arn(arn: str) -> str:
    return f"arn:aws:iam::{arn.split(':')[4]}:role/local"


def _raise_unless(error: ClientError, code: str) -> None:
    if error.response["Error"]["Code"] != code:
        raise error
