"""The stream's way in and the archive, against local AWS."""

import gzip
import json
from operator import itemgetter
from typing import Any

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.archive import ArchiveObject
from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.settings import Settings
from chalicelib.stores.archive import FirehoseArchive, S3Archive
from chalicelib.stores.clients import Clients
from chalicelib.stores.stream import EventStream
from tests.support.streams import read_data


def test_what_is_put_is_in_the_stream_in_the_order_of_its_key(
    service_clients: Clients, aws_settings: Settings
) -> None:
    name = aws_settings.event_stream
    sent = [OutgoingRecord(number, "user", str(number).encode()) for number in range(500)]
    assert EventStream(service_clients, name).put(sent) == [None] * 500
    assert read_data(service_clients.kinesis, name) == [put.data for put in sent]


def test_a_stream_that_does_not_exist_is_unavailable(service_clients: Clients) -> None:
    with pytest.raises(StorageUnavailable):
        EventStream(service_clients, "no-such-stream").put([OutgoingRecord(0, "k", b"x")])


@pytest.mark.parametrize(
    ("error", "code"),
    [("ProvisionedThroughputExceededException", "throttled"), ("InternalFailure", "storage_unavailable")],
)
def test_a_record_that_kinesis_did_not_take_has_a_code(error: str, code: str) -> None:
    class Kinesis:
        def put_records(self, **request: Any) -> dict[str, Any]:
            return {"FailedRecordCount": 1, "Records": [{"SequenceNumber": "1"}, {"ErrorCode": error}]}

    class HalfDone:
        kinesis = Kinesis()

    store = EventStream(HalfDone(), "events")  # type: ignore[arg-type]  # all of the clients that it uses
    assert store.put([OutgoingRecord(0, "k", b"1"), OutgoingRecord(1, "k", b"2")]) == [None, code]


@pytest.mark.parametrize("failing", [1, 9])
def test_firehose_gets_only_what_failed_again(failing: int) -> None:
    sent: list[list[bytes]] = []

    class Firehose:
        def put_record_batch(self, *, Records: list[Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - AWS's name
            sent.append([record["Data"] for record in Records])
            failed = len(sent) <= failing
            answers = [{"RecordId": "1"} for _ in Records[1:]]
            return {
                "FailedPutCount": int(failed),
                "RequestResponses": [{"ErrorCode": "x"} if failed else {}, *answers],
            }

    class OnlyFirehose:
        firehose = Firehose()

    store = FirehoseArchive(OnlyFirehose(), "archive")  # type: ignore[arg-type]  # all of the clients that it uses
    long = "x" * 300_000  # two lines are too long for one record
    archived = ArchiveObject("key", 0, [{"n": 1, "x": long}, {"n": 2, "x": long}])
    if failing > 1:
        with pytest.raises(StorageUnavailable):
            store.put(archived)
    else:
        store.put(archived)
    assert [[text[:6] for text in call] for call in sent[:2]] == [[b'{"n":1', b'{"n":2'], [b'{"n":1']]


def test_an_object_is_overwritten_by_its_retry(service_clients: Clients, aws_settings: Settings) -> None:
    archive = S3Archive(service_clients, aws_settings.archive_bucket)
    for number in (1, 2):
        archive.put(ArchiveObject("events/a.jsonl.gz", 0, [{"n": number}]))
    listed = service_clients.s3.list_objects_v2(Bucket=aws_settings.archive_bucket)["Contents"]
    assert [listed_object["Key"] for listed_object in listed] == ["events/a.jsonl.gz"]
    stored = service_clients.s3.get_object(Bucket=aws_settings.archive_bucket, Key="events/a.jsonl.gz")
    assert gzip.decompress(stored["Body"].read()) == b'{"n":2}\n'


def test_lines_are_handed_to_firehose_in_records_of_many(
    service_clients: Clients, aws_settings: Settings
) -> None:
    """Firehose charges each record as 5 KB at least."""
    bucket = aws_settings.archive_bucket
    service_clients.firehose.create_delivery_stream(
        DeliveryStreamName=bucket,
        S3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::0:role/r",
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )
    lines = [{"n": number, "x": "y" * 10_000} for number in range(1000)]  # more than a call takes
    FirehoseArchive(service_clients, bucket).put(ArchiveObject("key", 0, lines))
    texts = [
        service_clients.s3.get_object(Bucket=bucket, Key=listed_object["Key"])["Body"].read()
        for page in service_clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for listed_object in page.get("Contents", [])
    ]
    assert len(texts) == 21  # the emulator writes an object for each record
    assert max(map(len, texts)) <= 500_000
    assert (
        sorted((json.loads(line) for text in texts for line in text.splitlines()), key=itemgetter("n"))
        == lines
    )
