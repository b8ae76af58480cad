"""Quotas of the account that a load needs, beside AWS's defaults. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from realtime.capacity.costs import METRICS_SECONDS, TRACED_SHARE, has_firewall
from realtime.capacity.facts import BYTES
from realtime.capacity.load import HEADROOM, Load, round_up
from realtime.capacity.sizing import NEW_TABLE_WRITES, Size, count_batches
from realtime.capacity.work import count_records

UNRESERVED = 100
"""Lambda keeps so much concurrency for functions that reserve none."""
NEW_TABLE_READS = 12_000
TABLE_LIMIT = 40_000


class Quota(NamedTuple):
    """``default`` in us-east-1. ``how``: where it is raised."""

    name: str
    needed: int
    default: int
    how: str

    @property
    def has_to_be_raised(self) -> bool:
        return self.needed > self.default


def list_quotas(load: Load, size: Size) -> list[Quota]:
    return list(_list_quotas(load, size))


def _list_quotas(load: Load, size: Size) -> Iterator[Quota]:
    yield Quota("Lambda: concurrent executions", size.concurrency + UNRESERVED, 1_000, "lambda L-B99A9384")
    requests = round_up(load.requests * HEADROOM)
    if load.front != "alb":
        yield Quota("API Gateway: requests a second", requests, 10_000, "apigateway L-8A5B8E43")
        yield Quota("API Gateway: burst", round_up(requests / 2), 5_000, "apigateway L-CDF5615A")
    if has_firewall(load):
        yield Quota("WAF: requests a second of a web ACL", requests, 25_000, "support case")
    records = count_records(load, at_peak=True)
    mb = round_up(records.total * 1024 * HEADROOM / 1e6)
    yield Quota("Kinesis: MB a second, before a step", mb, 4, "warm throughput of the stream")
    yield Quota("Kinesis: MB a second, at most", mb, 10_000, "support case; 200 in most regions")
    lines = round_up(records.total * BYTES["archive_line"] * HEADROOM / 1024**2)
    yield Quota("Firehose: MiB a second", lines, 5, "the limits form of Firehose")
    batches, _ = count_batches(records.total, size.shards)
    yield Quota(
        "Firehose: requests a second", round_up(batches * HEADROOM), 2_000, "the limits form of Firehose"
    )
    reads, writes = (
        round_up(units * HEADROOM) for units in (size.assignments.reads, size.assignments.writes)
    )
    yield Quota("DynamoDB assignments: warm reads", reads, NEW_TABLE_READS, "warm throughput of the table")
    yield Quota("DynamoDB assignments: warm writes", writes, NEW_TABLE_WRITES, "warm throughput of the table")
    yield Quota("DynamoDB: reads a second of a table", reads, TABLE_LIMIT, "dynamodb L-CF0CBE56")
    yield Quota("DynamoDB: writes a second of a table", writes, TABLE_LIMIT, "dynamodb L-AB614373")
    counters = round_up(size.counters.writes * HEADROOM)
    yield Quota("DynamoDB: writes of one experiment's counters", counters, 1_000, "none: add experiments")
    checks = round_up(size.publications.reads * HEADROOM)
    yield Quota("DynamoDB: reads of the version check", checks, 3_000, "REALTIME_DEFINITIONS_CHECK")
    traces = round_up(load.requests * TRACED_SHARE * 2)
    yield Quota("X-Ray: segments a second", traces, 2_600, "support case")
    containers = sum(function.by_duration for function in size.functions.values())
    calls = round_up(containers * 2 / METRICS_SECONDS)
    yield Quota("CloudWatch Logs: calls a second", calls, 5_000, "logs")
