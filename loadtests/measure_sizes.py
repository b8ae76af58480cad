"""How large is what the service writes: items, records, lines of the archive."""

import gzip
from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

from chalicelib.settings import Settings
from realtime.local.stack import LocalStack


def count_bytes(item: Mapping[str, Any]) -> int:
    """Of a DynamoDB item: names and values."""
    sizes = {"S": lambda value: len(value.encode()), "N": lambda value: len(value) // 2 + 2, "B": len}
    values = [(name, kind, value) for name, typed in item.items() for kind, value in typed.items()]
    return sum(
        len(name) + sizes.get(kind, lambda value: len(str(value)))(value) for name, kind, value in values
    )


def measure_sizes(stack: LocalStack, records: list[bytes], event_bytes: int) -> dict[str, int]:
    settings, clients = Settings.from_env(), stack.clients

    def scan(table: str, select: Callable[[Any], bool] = lambda _: True) -> list[int]:
        return [count_bytes(item) for item in clients.dynamodb.scan(TableName=table)["Items"] if select(item)]

    counters = settings.counters_table
    objects = [
        clients.s3.get_object(Bucket=settings.archive_bucket, Key=each["Key"])["Body"].read()
        for each in clients.s3.list_objects_v2(Bucket=settings.archive_bucket)["Contents"]
    ]
    largest = max(objects, key=len)
    lines = gzip.decompress(largest).splitlines()
    return {
        "assignment_item": round(mean(scan(settings.assignments_table))),
        "counter_item": round(mean(scan(counters, lambda item: not item["id"]["S"].startswith("$")))),
        "verdicts_item": max(scan(counters, lambda item: item["id"]["S"].startswith("$"))),
        "key_item": round(mean(scan(settings.keys_table))),
        "tracked_record": round(mean(len(data) for data in records)),
        "event_record": event_bytes,
        "archive_line": round(mean(map(len, lines))),
        "archive_line_gzip": round(len(largest) / len(lines)),
    }


def read_stream(stack: LocalStack) -> list[bytes]:
    name, kinesis = Settings.from_env().event_stream, stack.clients.kinesis
    records: list[bytes] = []
    for shard in kinesis.list_shards(StreamName=name)["Shards"]:
        start = kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        page = kinesis.get_records(ShardIterator=start["ShardIterator"], Limit=1000)
        records += [record["Data"] for record in page["Records"]]
    return records
