"""When the data of the service call for somebody: metrics and thresholds, described once.

`infra` makes CloudWatch's alarms from these conditions, and `status` judges by them, so that both agree.
What to do about each is in docs/runbook.md, under its name. Names of resources may be literals or
CloudFormation's intrinsic functions.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from chalicelib.metrics import NAMESPACE

ITERATOR_AGE_MS = 60_000
RARE_METRIC_SECONDS = 900
"""The period of alarms on metrics that are recorded once in several minutes.

With a period of one minute, such an alarm would go off and on.
"""
STALE_SECONDS = 60
"""A kill switch is promised within 10 seconds."""
LATE_SECONDS = 3_600
"""A receiver of webhooks that is away for less needs nobody."""
STALE_KEYS_SECONDS = 300
"""A key is read again every minute (`REALTIME_KEY_CACHE_TTL`)."""
DECIDING_FUNCTIONS = ("assignment", "feature_flags")
FUNCTIONS_WITH_DEFINITIONS = ("assignment", "feature_flags", "ingest", "event_processor")
STREAM_FUNCTIONS = ("event_processor", "assignment_sync")
AUTHORIZING_FUNCTIONS = ("authorizer", "ingest", "assignment", "feature_flags", "admin")
"""The first behind a REST API, the others behind the other front doors; /events reads its key itself."""
FUNCTIONS = (*FUNCTIONS_WITH_DEFINITIONS, "assignment_sync", "authorizer", "webhooks", "admin")
HEARTBEAT = "heartbeat"
"""The function that makes a decision every minute, and looks whether it was counted."""
HEARTBEAT_CONDITIONS = ("heartbeat", "event-source-disabled")
PLATFORM_INDEXES = ("user-experiment-index", "experiment-index", "user-index", "variation-index")
"""Of the platform's table of assignments. Every assignment writes them all."""
TABLES = (
    "experiments_table",
    "flags_table",
    "segments_table",
    "publications_table",
    "assignments_table",
    "counters_table",
    "keys_table",
    "dedupe_table",
    "overrides_table",
    "contexts_table",
)
"""The settings that name a table."""
BREAKERS = (
    "archive",
    "assignments",
    "contexts",
    "counters",
    "definitions",
    "event_ids",
    "event_types",
    "keys",
    "overrides",
    "postgres",
    "proposals",
    "quarantine",
    "snapshots",
    "stream",
    "verdicts",
    "webhooks",
)
"""The stores that have a circuit breaker, as its metric ``BreakerOpened.NAME`` calls them."""
LOCAL_CONTAINER = "local"
"""On one machine all functions share a process, and its metrics."""


class Metric(NamedTuple):
    """``dimensions`` are pairs of name and value, ``period`` seconds. ``label``: unique in a condition."""

    label: str
    namespace: str
    name: str
    dimensions: tuple[tuple[str, Any], ...]
    statistic: Literal["Sum", "Maximum", "Minimum"]
    period: int = 60


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds while ``breaching`` of the last ``periods`` were above ``threshold``.

    The values of several metrics are combined. A period without data counts as below. But with
    ``rings_on_silence``, for a metric that is there while all is well, the condition holds while
    ``breaching`` periods are below ``threshold`` or have no data.
    """

    name: str
    description: str
    metrics: tuple[Metric, ...]
    combination: Literal["SUM", "MAX"] = "MAX"
    threshold: float = 0
    breaching: int = 1
    periods: int = 1
    severity: Literal["page", "ticket"] = "ticket"
    rings_on_silence: bool = False


def name_function(env: str, function: str) -> str:
    return f"realtime-{env}-{function}"


def measure_function(env: str, function: str, name: str, statistic: Any) -> Metric:
    """A metric that Lambda has of a function."""
    return Metric(name, "AWS/Lambda", name, (("FunctionName", name_function(env, function)),), statistic)


def measure_service(
    env: str, functions: Collection[str], name: str, statistic: Any, period: int = 60
) -> tuple[Metric, ...]:
    """A metric of the service, which each of ``functions`` writes in the embedded metric format."""
    names = {
        LOCAL_CONTAINER if env == "local" else name_function(env, function): function
        for function in reversed(list(functions))
    }
    return tuple(
        Metric(function, NAMESPACE, name, (("Environment", env), ("Function", value)), statistic, period)
        for value, function in reversed(names.items())
    )


def list_used_tables(platform: str, event_dedupe: str) -> list[str]:
    """The settings of the tables that the service uses in this mode. The sample of contexts may miss some."""
    unused = {"contexts_table"}
    unused |= {"overrides_table"} if platform == "standalone" else set()
    unused |= {"dedupe_table"} if event_dedupe != "table" else set()
    return [name for name in TABLES if name not in unused]


def list_conditions(
    env: str, tables: Collection[str], get_name: Callable[[str], Any], platform: str = "standalone"
) -> list[Condition]:
    """``get_name`` gives the name of the table, stream or queue of a setting; ``tables`` are settings."""
    return [
        *_list_throttles(tables, get_name, platform),
        *_list_queue_conditions(get_name),
        *_list_service_conditions(env),
        *_list_heartbeat_conditions(env),
    ]


def _list_throttles(
    tables: Collection[str], get_name: Callable[[str], Any], platform: str
) -> Iterator[Condition]:
    for setting in sorted(tables):
        name, table = setting.removesuffix("_table"), (("TableName", get_name(setting)),)
        throttles = tuple(
            Metric(label, "AWS/DynamoDB", metric, table, "Sum")
            for label, metric in (("reads", "ReadThrottleEvents"), ("writes", "WriteThrottleEvents"))
        )
        description = f"DynamoDB throttles the table {name}."
        yield Condition(f"{name}-table-throttles", description, throttles, "SUM")
    if platform == "existing":
        assignments = ("TableName", get_name("assignments_table"))
        writes = tuple(
            Metric(
                index.replace("-", "_"),
                "AWS/DynamoDB",
                "WriteThrottleEvents",
                (assignments, ("GlobalSecondaryIndexName", index)),
                "Sum",
            )
            for index in PLATFORM_INDEXES
        )
        description = "An index of the platform's assignments holds up their writes."
        yield Condition("assignments-index-throttles", description, writes, "SUM")
    stream = (("StreamName", get_name("event_stream")),)
    full = Metric("full", "AWS/Kinesis", "WriteProvisionedThroughputExceeded", stream, "Sum")
    yield Condition("stream-throttles", "A shard of the event stream takes no more.", (full,))


def _list_queue_conditions(get_name: Callable[[str], Any]) -> Iterator[Condition]:
    queues: tuple[tuple[str, str, str, Literal["page", "ticket"]], ...] = (
        ("quarantine-not-empty", "quarantine_queue", "Poison records wait for somebody to look.", "ticket"),
        ("failed-batches-not-empty", "failure_queue", "Lambda gave up on a batch of a stream.", "page"),
        ("webhooks-undelivered", "undelivered_queue", "A receiver took no message for a day.", "ticket"),
    )
    for name, setting, description, severity in queues:
        queue = (("QueueName", get_name(setting)),)
        waiting = Metric("waiting", "AWS/SQS", "ApproximateNumberOfMessagesVisible", queue, "Maximum")
        yield Condition(name, description, (waiting,), severity=severity)
    webhooks = (("QueueName", get_name("webhook_queue")),)
    age = Metric("age", "AWS/SQS", "ApproximateAgeOfOldestMessage", webhooks, "Maximum")
    description = "A message to a webhook waits for over an hour."
    yield Condition("webhooks-late", description, (age,), threshold=LATE_SECONDS, breaching=3, periods=5)


def _list_heartbeat_conditions(env: str) -> Iterator[Condition]:
    beats = measure_service(env, (HEARTBEAT,), "Heartbeat", "Sum")
    yield Condition(
        "heartbeat",
        "A decision that is made every minute is not counted.",
        beats,
        threshold=1,
        breaching=3,
        periods=5,
        severity="page",
        rings_on_silence=True,
    )
    disabled = measure_service(env, (HEARTBEAT,), "EventSourcesDisabled", "Maximum")
    description = "A function does not read its stream: its event source is disabled."
    yield Condition("event-source-disabled", description, disabled, breaching=3, periods=5, severity="page")


def _list_service_conditions(env: str) -> Iterator[Condition]:
    for function in STREAM_FUNCTIONS:
        age = measure_function(env, function, "IteratorAge", "Maximum")
        description = f"{function} is over a minute behind its stream."
        yield Condition(
            f"{function}-iterator-age",
            description,
            (age._replace(label="age"),),
            threshold=ITERATOR_AGE_MS,
            breaching=3,
            periods=5,
        )
    dropped = measure_service(env, DECIDING_FUNCTIONS, "TrackingDropped", "Sum")
    yield Condition("tracking-drops", "Exposures were dropped: the buffer was full.", dropped, "SUM")
    ages = measure_service(env, FUNCTIONS_WITH_DEFINITIONS, "DefinitionsAge", "Maximum")
    description = "Definitions are over a minute old: a kill switch may not be in force."
    yield Condition("stale-definitions", description, ages, threshold=STALE_SECONDS, severity="page")
    keys = measure_service(env, AUTHORIZING_FUNCTIONS, "KeysAge", "Maximum")
    description = "API keys cannot be read: a revoked one may still open."
    yield Condition("stale-keys", description, keys, threshold=STALE_KEYS_SECONDS, severity="page")
    opened = measure_service(env, FUNCTIONS, "BreakerOpened", "Sum")
    description = "A store has not answered for minutes: its circuit breaker is open."
    yield Condition("breaker-open", description, opened, "SUM", breaching=3, periods=5)
    for name, metric, functions, statistic, description in (
        (
            "invalid-definition",
            "InvalidDefinition",
            FUNCTIONS_WITH_DEFINITIONS,
            "Sum",
            "A definition in a table cannot be loaded.",
        ),
        (
            "assignment-not-stored",
            "AssignmentNotStored",
            ("assignment",),
            "Sum",
            "A decided assignment could not be written, twice.",
        ),
        (
            "sample-ratio-mismatch",
            "SampleRatioMismatch",
            ("assignment_sync",),
            "Maximum",
            "An experiment's users are not split as asked for.",
        ),
        (
            "postgres-rows-refused",
            "PostgresRowsRefused",
            ("assignment_sync",),
            "Sum",
            "PostgreSQL will never take some assignments.",
        ),
    ):
        metrics = measure_service(env, functions, metric, statistic, RARE_METRIC_SECONDS)
        yield Condition(name, description, metrics, "SUM" if statistic == "Sum" else "MAX")
