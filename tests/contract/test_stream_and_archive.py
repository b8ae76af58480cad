"""The stream's way in and the archive, against local AWS."""

import gzip

import pytest

from chalicelib.domain.archive import Object
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream import Put
from chalicelib.settings import Settings
from chalicelib.stores.archive import FirehoseArchive, S3Archive
from chalicelib.stores.clients import Clients
from chalicelib.stores.stream import EventStream


def test_what_is_put_is_in_the_stream_in_the_order_of_its_key(
    service_clients: Clients, aws_settings: Settings
) -> None:
    name = aws_settings.event_stream
    puts = [Put(number, "user", str(number).encode()) for number in range(500)]
    assert EventStream(service_clients, name).put(puts) == [None] * 500
    found = []
    for shard in service_clients.kinesis.list_shards(StreamName=name)["Shards"]:
        iterator = service_clients.kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        found += service_clients.kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in found] == [put.data for put in puts]


def test_a_stream_that_does_not_exist_is_unavailable(service_clients: Clients) -> None:
    with pytest.raises(StorageUnavailable):
        EventStream(service_clients, "no-such-stream").put([Put(0, "k", b"x")])


def test_an_object_is_overwritten_by_its_retry(service_clients: Clients, aws_settings: Settings) -> None:
    archive = S3Archive(service_clients, aws_settings.archive_bucket)
    for number in (1, 2):
        archive.put(Object("events/a.jsonl.gz", 0, [{"n": number}]))
    listed = service_clients.s3.list_objects_v2(Bucket=aws_settings.archive_bucket)["Contents"]
    assert [one["Key"] for one in listed] == ["events/a.jsonl.gz"]
    found = service_clients.s3.get_object(Bucket=aws_settings.archive_bucket, Key="events/a.jsonl.gz")
    assert gzip.decompress(found["Body"].read()) == b'{"n":2}\n'


def test_lines_are_handed_to_firehose_500_at_a_time(service_clients: Clients, aws_settings: Settings) -> None:
    bucket = aws_settings.archive_bucket
    service_clients.firehose.create_delivery_stream(
        DeliveryStreamName=bucket,
        S3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::0:role/r",
            "BucketARN": f"arn:aws:s3:::{bucket}",
        },
    )
    FirehoseArchive(service_clients, bucket).put(Object("key", 0, [{"n": number} for number in range(501)]))
    keys = [
        one["Key"]
        for page in service_clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        for one in page.get("Contents", [])
    ]
    assert len(keys) == 501  # the emulator writes an object for each record
    found = service_clients.s3.get_object(Bucket=bucket, Key=keys[0])
    assert found["Body"].read().endswith(b"}\n")
