"""The bill of a month, item by item. Pure."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from realtime.capacity.facts import BYTES, PRICES, charge
from realtime.capacity.load import MONTH_SECONDS, Load, round_up
from realtime.capacity.sizing import (
    CHECK_SECONDS,
    COUNTERS_A_BATCH,
    DEFINITIONS_SECONDS,
    Size,
    count_batches,
    count_containers,
    count_servers,
)
from realtime.capacity.work import (
    MEMORY_MB,
    average_ms,
    count_records,
    list_work,
    make_batch,
    make_sync,
)

GB = 1024**3
MONTH_HOURS = MONTH_SECONDS / 3600
RESPONSE_BYTES, TRANSFER_BYTES = 600, 2_000
"""An answer with its headers; a request and its answer, as a load balancer counts them."""
ACCESS_LOG_BYTES = 420
"""A line of the gateway's access log, with the 26 bytes that CloudWatch adds to each."""
METRICS_LINE_BYTES, METRICS_SECONDS = 1_000, 60.0
"""A line of a container's metrics, and `REALTIME_METRICS_INTERVAL`."""
CUSTOM_METRICS, ALARM_METRICS = 150, 100
"""Metrics of the service, and metrics that alarms name. A test compares the second with the alarms."""
ENVIRONMENT_SECONDS = 2 * 3600
"""After about so long Lambda replaces an environment (common reports)."""
SNAPSHOT_FUNCTIONS, SNAPSHOT_VERSIONS = ("assignment", "feature_flags"), 3
TRACED_SHARE = 0.05
"""X-Ray's default: the first request of each second, and 5 % of the others."""
POISON_SHARE = 0.001
WAF_RULES = 3
RETENTION_DAYS = 7


class Item(NamedTuple):
    """``units`` of a month, in millions of requests, GB and the like as ``what`` says."""

    group: str
    what: str
    units: float
    dollars: float


def list_costs(load: Load, size: Size) -> list[Item]:
    return [
        *_list_lambda(load),
        *_list_front(load),
        *_list_tables(load, size),
        *_list_stream(load),
        *_list_observability(load, size),
    ]


def sum_group(items: list[Item], group: str = "") -> float:
    return sum(item.dollars for item in items if not group or item.group == group)


def has_firewall(load: Load) -> bool:
    """AWS WAF protects no HTTP API."""
    return load.has_firewall and load.front != "http"


def _list_lambda(load: Load) -> Iterator[Item]:
    price, work = PRICES["lambda"], list_work(load)
    rates = {"assignment": load.assigns, "feature_flags": load.flags, "ingest": load.ingests}
    calls = {name: load.count_in_month(rate) for name, rate in rates.items()}
    seconds = {name: calls[name] * average_ms(work[name], MEMORY_MB[name]) / 1000 for name in calls}
    records = count_records(load, at_peak=False)
    shards = max(4, round_up(records.total / 1000))
    batches, in_batch = count_batches(records.total, shards)
    clients = records.client / records.total if records.total else 0.0
    batch = make_batch(in_batch * clients, in_batch * (1 - clients))
    changes, in_change = count_batches(load.new_assignments_month / MONTH_SECONDS, 4)
    for name, count, each in (
        ("event_processor", batches, batch),
        ("assignment_sync", changes, make_sync(in_change)),
    ):
        calls[name] = count * MONTH_SECONDS
        seconds[name] = calls[name] * each.count_busy_ms(MEMORY_MB[name]) / 1000
    if load.front == "rest":
        calls["authorizer"] = load.keys / load.key_seconds * MONTH_SECONDS
        milliseconds = average_ms(work["authorizer"], MEMORY_MB["authorizer"])
        calls["authorizer"] += load.count_in_month(load.decisions) * milliseconds / 1000 / load.key_seconds
        seconds["authorizer"] = calls["authorizer"] * milliseconds / 1000
    gb_seconds = {name: seconds[name] * MEMORY_MB[name] / 1024 for name in seconds}
    total = sum(gb_seconds.values())
    if load.start == "provisioned":
        yield from _list_provisioned(load, gb_seconds)
    else:
        yield Item("Lambda", "GB-seconds (M)", total / 1e6, charge(total, price["gb_second"]))
    requests = sum(calls.values())
    yield Item("Lambda", "requests (M)", requests / 1e6, charge(requests, price["request"]))
    if load.start == "snapstart":
        yield from _list_snapshots(load)


def _list_provisioned(load: Load, gb_seconds: dict[str, float]) -> Iterator[Item]:
    """As many environments as the peak needs, all month, for the deciding functions."""
    price = PRICES["lambda"]
    kept = sum(
        count_provisioned(load)[name] * MEMORY_MB[name] / 1024 * MONTH_SECONDS for name in SNAPSHOT_FUNCTIONS
    )
    running = sum(gb_seconds[name] for name in SNAPSHOT_FUNCTIONS)
    others = sum(gb_seconds.values()) - running
    run = running * price["provisioned_run_gb_second"] + charge(others, price["gb_second"])
    yield Item("Lambda", "GB-seconds (M)", (running + others) / 1e6, run)
    yield Item("Lambda", "kept warm, GB-s (M)", kept / 1e6, kept * price["provisioned_gb_second"])


def count_provisioned(load: Load) -> dict[str, int]:
    work, rates = list_work(load), {"assignment": load.assigns, "feature_flags": load.flags}
    return {
        name: count_servers(rates[name] * average_ms(work[name], MEMORY_MB[name]) / 1000)
        for name in SNAPSHOT_FUNCTIONS
    }


def _list_snapshots(load: Load) -> Iterator[Item]:
    price = PRICES["lambda"]
    gb = sum(MEMORY_MB[name] / 1024 for name in SNAPSHOT_FUNCTIONS)
    cached = gb * SNAPSHOT_VERSIONS * MONTH_SECONDS
    yield Item("SnapStart", "snapshots kept (GB)", gb * 3, cached * price["snapshot_gb_second"])
    restored = sum(count_provisioned(load).values()) * MONTH_SECONDS / ENVIRONMENT_SECONDS
    restored_gb = restored * MEMORY_MB["assignment"] / 1024
    yield Item("SnapStart", "snapshots restored", restored, restored_gb * price["restore_gb"])


def _list_front(load: Load) -> Iterator[Item]:
    requests = load.count_in_month(load.requests)
    if load.front == "alb":
        price, addresses = PRICES["alb"], 2 * PRICES["vpc"]["public_address_hour"]
        lcus = requests * TRANSFER_BYTES / 1e9 / 0.4  # hours
        yield Item("Front door", "ALB, LCU-hours (k)", lcus / 1000, lcus * price["lcu_hour"])
        hours = MONTH_HOURS * (price["hour"] + addresses)
        yield Item("Front door", "ALB, hours", MONTH_HOURS, hours)
    else:
        price = PRICES[f"api_{load.front}"]
        name = {"rest": "REST API", "http": "HTTP API"}[load.front]
        yield Item("Front door", f"{name}, requests (M)", requests / 1e6, charge(requests, price["request"]))
    if has_firewall(load):
        price = PRICES["waf"]
        fixed = price["acl_month"] + WAF_RULES * price["rule_month"]
        yield Item("Front door", "WAF, requests (M)", requests / 1e6, fixed + requests * price["request"])
    out = requests * RESPONSE_BYTES / GB
    yield Item("Front door", "answers out (GB)", out, charge(out, PRICES["transfer"]["gb_out"]))


def _list_tables(load: Load, size: Size) -> Iterator[Item]:
    price = PRICES["dynamodb"]
    assigns, new = load.count_in_month(load.assigns), load.new_assignments_month
    records, shards = count_records(load, at_peak=False), size.shards
    batches, _ = count_batches(records.total, shards)
    changes, _ = count_batches(new / MONTH_SECONDS, 4)
    containers = count_containers(size.functions) * load.share
    checks = 0.5 / CHECK_SECONDS + load.definitions / DEFINITIONS_SECONDS
    reads = {
        "assignments": assigns * (1 - load.assignment_hits) * 0.5
        + records.client * load.counted * MONTH_SECONDS,
        "definitions": containers * checks * MONTH_SECONDS,
        "verdicts": batches * MONTH_SECONDS,
    }
    verdicts = round_up(max(1.0, BYTES["verdicts_item"] / 1024))
    counting = batches * (verdicts + COUNTERS_A_BATCH) if records.client else 0.0
    writes = {"assignments": new, "counters": (counting + changes * 2) * MONTH_SECONDS}
    for name, units in reads.items():
        yield Item("DynamoDB", f"reads, {name} (M)", units / 1e6, units * price["read_unit"])
    for name, units in writes.items():
        yield Item("DynamoDB", f"writes, {name} (M)", units / 1e6, units * price["write_unit"])
    gb = new * (BYTES["assignment_item"] + 100) * 3 / GB  # 100 bytes of overhead an item, 90 days
    stored = gb * (price["gb_month"] + price["backup_gb_month"])
    yield Item("DynamoDB", "stored (GB)", gb, stored)


def _list_stream(load: Load) -> Iterator[Item]:
    records = count_records(load, at_peak=False)
    count = records.total * MONTH_SECONDS
    price = PRICES["kinesis"]
    billed = count * 1024 / GB  # each record below 1 KB counts as one
    actual = records.bytes * MONTH_SECONDS / GB
    yield Item("Kinesis", "in, 1 KB a record (GB)", billed, billed * price["gb_in"])
    out = actual * price["gb_out"] + MONTH_HOURS * price["stream_hour"]
    yield Item("Kinesis", "out, and the stream (GB)", actual, out)
    kept = actual / 30 * (RETENTION_DAYS - 1)
    yield Item("Kinesis", f"kept {RETENTION_DAYS} days (GB)", kept, kept * price["gb_retained_month"])
    lines = count * BYTES["archive_line"] / GB
    yield Item("Archive", "Firehose (GB)", lines, charge(lines, PRICES["firehose"]["gb"]))
    stored = count * BYTES["archive_line_gzip"] / GB
    objects = max(MONTH_SECONDS / 60, lines * 1024 / 5) if count else 0.0
    s3 = stored * PRICES["s3"]["gb_month"] + objects * PRICES["s3"]["put"]
    yield Item("Archive", "S3, a month's events (GB)", stored, s3)
    poison = records.client * MONTH_SECONDS * POISON_SHARE
    yield Item("Archive", "SQS, poison (k)", poison / 1000, poison * PRICES["sqs"]["request"])


def _list_observability(load: Load, size: Size) -> Iterator[Item]:
    price = PRICES["cloudwatch"]
    fixed = CUSTOM_METRICS * price["metric_month"] + ALARM_METRICS * price["alarm_metric_month"]
    yield Item("CloudWatch", "metrics and alarms", CUSTOM_METRICS + ALARM_METRICS, fixed)
    containers = sum(function.by_duration for function in size.functions.values()) * load.share
    logs: dict[str, Any] = {
        "metrics lines (GB)": containers * METRICS_LINE_BYTES * MONTH_SECONDS / METRICS_SECONDS / GB,
    }
    requests = load.count_in_month(load.requests)
    if load.front != "alb":
        logs["access log (GB)"] = requests * ACCESS_LOG_BYTES / GB
    for what, gb in logs.items():
        yield Item("CloudWatch", what, gb, gb * (price["log_gb"] + price["log_gb_month"]))
    traces = requests * TRACED_SHARE + MONTH_SECONDS
    yield Item("X-Ray", "traces (M)", traces / 1e6, traces * PRICES["xray"]["trace"])
