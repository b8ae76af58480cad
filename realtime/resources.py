"""Tables, stream, bucket, queues and event sources of a deployment, described once.

The local stack and `infra` both create them from this description, so that they are the same. The
key shapes of experiments, flags and assignments are the platform's own (docs/architecture.md).
"""

from dataclasses import dataclass
from typing import Literal

from chalicelib.settings import Settings

QUEUE_DAYS = 14
"""That a failed record is kept at most, and a message of a webhook; SQS allows no more."""
QUARANTINE_PAYLOADS = "quarantine/"
QUERY_RESULTS = "athena/"
QUERY_RESULT_DAYS = 7
"""Where the bucket keeps payloads that are too large for a message."""
FAILED_DELIVERY_DAYS = 90
"""That the bucket keeps what Firehose could not write."""
OLD_VERSION_DAYS = 30
"""That the bucket keeps what was overwritten or deleted."""
COLD_STORAGE = (("STANDARD_IA", 30), ("GLACIER_IR", 180))
"""Storage classes of the archive, and the days after which it gets there."""
STREAM_HOURS = 168
TABLE_STREAM_HOURS = 24
"""DynamoDB keeps a change for so long; this cannot be configured."""
HIDDEN_SECONDS, LOCAL_HIDDEN_SECONDS = 180, 10
"""Until a webhook's message that failed is tried again. Lambda asks for at least the function's timeout."""
MAX_RECORD_AGE = 604_800
"""Seconds; Lambda accepts no more."""
KeyType = Literal["S", "N"]


@dataclass(frozen=True, slots=True)
class Key:
    name: str
    type: KeyType = "S"


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    partition_key: Key = Key("id")
    sort_key: Key | None = None
    ttl_attribute: str | None = None
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    name: str
    shards: int = 2
    retention_hours: int = STREAM_HOURS


@dataclass(frozen=True, slots=True)
class EventSource:
    """How the Lambda service reads a stream; times in seconds, -1 is unlimited."""

    function: str
    source: str
    batch_size: int = 500
    window: float = 1.0
    retries: int = -1  # poison goes into quarantine, so a batch that keeps failing fails because of AWS
    max_record_age: int = -1  # `describe` sets a little less than the stream's retention
    bisect: bool = True
    tumbling_window: int = 0  # seconds; if it is set, the event names its shard
    parallelization: int = 1  # the counters need one consumer a shard, as their sequence numbers only grow
    starting_position: Literal["TRIM_HORIZON", "LATEST"] = "TRIM_HORIZON"


@dataclass(frozen=True, slots=True)
class DeliveryQueue:
    """Messages that ``function`` delivers; times in seconds.

    One that fails comes again after ``hidden_seconds``. After ``receives`` times it goes to ``dead_letters``.
    """

    function: str
    name: str
    dead_letters: str
    hidden_seconds: int
    batch_size: int = 10
    receives: int = 500
    concurrency: int = 2
    """Invocations at the same time."""


@dataclass(frozen=True, slots=True)
class LifecycleRule:
    """What becomes of the objects of the bucket below ``prefix``; times in days, None is never."""

    id: str
    prefix: str
    expires: int | None = None
    old_versions_expire: int | None = None
    transitions: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Resources:
    tables: tuple[Table, ...]
    stream: Stream
    bucket: str
    lifecycle: tuple[LifecycleRule, ...]
    queue_days: int
    quarantine_queue: str
    failure_queue: str
    webhooks: DeliveryQueue
    event_sources: tuple[EventSource, ...]


def describe(settings: Settings, stream_hours: int = STREAM_HOURS) -> Resources:
    """Everything that a stand-alone deployment owns, with the names in ``settings``.

    ``stream_hours`` is how long the event stream keeps a record.
    """
    stream = Stream(settings.event_stream, retention_hours=stream_hours)
    return Resources(
        tables=(
            Table(settings.experiments_table),
            Table(settings.flags_table),
            Table(settings.segments_table),
            Table(settings.publications_table, sort_key=Key("version", "N")),
            Table(settings.assignments_table, ttl_attribute="ttl", stream=True),
            Table(settings.counters_table, sort_key=Key("counter")),
            Table(settings.keys_table),
            Table(settings.dedupe_table, ttl_attribute="ttl"),
            Table(settings.overrides_table, ttl_attribute="ttl"),
            Table(settings.contexts_table, ttl_attribute="ttl"),
        ),
        stream=stream,
        bucket=settings.archive_bucket,
        lifecycle=list_lifecycle_rules(settings.archive_days, settings.quarantine_days),
        queue_days=settings.quarantine_days,
        quarantine_queue=settings.quarantine_queue,
        failure_queue=settings.failure_queue,
        webhooks=DeliveryQueue(
            "webhooks",
            settings.webhook_queue,
            settings.undelivered_queue,
            hidden_seconds=LOCAL_HIDDEN_SECONDS if settings.env == "local" else HIDDEN_SECONDS,
        ),
        event_sources=(
            EventSource("event_processor", stream.name, max_record_age=limit_record_age(stream_hours)),
            EventSource(
                "assignment_sync",
                settings.assignments_table,
                tumbling_window=900,
                max_record_age=limit_record_age(TABLE_STREAM_HOURS),
            ),
        ),
    )


def list_lifecycle_rules(archive_days: int, quarantine_days: int) -> tuple[LifecycleRule, ...]:
    """``archive_days`` 0 keeps the archive for ever. Raises ValueError.

    Nothing moves to cheaper storage at the end of its time: S3 refuses that.
    """
    if archive_days < 0:
        raise ValueError("REALTIME_ARCHIVE_DAYS must be a number of days, or 0 to keep the archive for ever")
    if not 1 <= quarantine_days <= QUEUE_DAYS:
        raise ValueError(f"REALTIME_QUARANTINE_DAYS must be 1 to {QUEUE_DAYS}: SQS keeps nothing longer")
    transitions = tuple(
        (name, days) for name, days in COLD_STORAGE if not archive_days or days < archive_days
    )
    return (
        LifecycleRule("raw-gets-cold", "raw/", archive_days or None, transitions=transitions),
        *([LifecycleRule("compacted-expires-as-raw", "parquet/", archive_days)] if archive_days else []),
        LifecycleRule("failed-deliveries", "raw/failed/", FAILED_DELIVERY_DAYS),
        # longer than any message that points at a payload, so none is ever without it
        LifecycleRule("quarantine-outlives-its-queue", QUARANTINE_PAYLOADS, quarantine_days + 1),
        LifecycleRule("query-results", QUERY_RESULTS, QUERY_RESULT_DAYS),
        LifecycleRule("what-was-overwritten-or-given-up", "", old_versions_expire=OLD_VERSION_DAYS),
    )


def limit_record_age(hours: int) -> int:
    """In seconds, a 24th less than the stream keeps a record.

    A record that the stream drops before Lambda gives it up would reach no failure queue.
    """
    return min(hours * 3600 * 23 // 24, MAX_RECORD_AGE)
