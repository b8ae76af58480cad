"""Ask AWS, or the local stack, for what `status` shows. Each source may fail by itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from botocore.session import get_session

from chalicelib.domain.definitions.model import Definitions
from chalicelib.domain.errors import RealtimeError, StorageUnavailable
from chalicelib.domain.status import metrics
from chalicelib.domain.status.alarms import Condition, Metric, list_conditions, list_used_tables
from chalicelib.domain.status.snapshot import (
    WINDOW,
    Archived,
    Point,
    Published,
    Queue,
    Series,
    Snapshot,
    Unanswered,
)
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.key_snapshots import KeySnapshotStore
from chalicelib.stores.snapshots import SnapshotStore

QUERIES = 500
"""Metrics that one call reads."""
MAX_PAGES = 20
"""Of 1,000 objects, in the search for the newest."""

T = TypeVar("T")


class StatusSources:
    def __init__(self, settings: Settings, clients: Clients, definitions: Definitions) -> None:
        self._settings = settings
        self._s3, self._sqs = clients.s3, clients.sqs
        self._definitions = definitions
        self._snapshots = SnapshotStore(clients, settings.archive_bucket)
        self._key_snapshots = KeySnapshotStore(clients, settings.archive_bucket)
        self._cloudwatch = connect_cloudwatch()
        tables = list_used_tables(settings.platform, settings.event_dedupe)
        listed = list_conditions(settings.env, tables, self._get_name, settings.platform)
        self.conditions: dict[str, Condition] = {condition.name: condition for condition in listed}

    def take_snapshot(self, now: float) -> Snapshot:
        settings = self._settings
        questions: tuple[Callable[[], Any], ...] = (
            lambda: self._read_series(metrics.list_all(settings.env, self.conditions), now),
            lambda: self._read_queue(settings.quarantine_queue),
            lambda: self._read_queue(settings.failure_queue),
            lambda: read_published(self._definitions),
            lambda: self._read_archived(now),
            self._read_snapshot_version,
            self._key_snapshots.read_in_force_at,
            self._read_alarms,
        )
        with ThreadPoolExecutor(len(questions)) as pool:
            answers = pool.map(answer, questions)
        return Snapshot(settings.env, now, *answers)

    def read_queues(self) -> tuple[Queue, Queue]:
        """The quarantine, and the batches that Lambda gave up. Raises StorageUnavailable."""
        names = self._settings.quarantine_queue, self._settings.failure_queue
        queues = [answer(partial(self._read_queue, name)) for name in names]
        held, failed = (self._require(queue) for queue in queues)
        return held, failed

    @staticmethod
    def _require(queue: Queue | Unanswered) -> Queue:
        if isinstance(queue, Unanswered):
            raise StorageUnavailable(f"The queues do not answer: {queue.reason}.")
        return queue

    def _get_name(self, setting: str) -> str:
        return str(getattr(self._settings, setting))

    def _read_series(self, wanted: Sequence[Metric], now: float) -> Series:
        series: dict[Metric, list[Point]] = {}
        for start in range(0, len(wanted), QUERIES):
            batch = wanted[start : start + QUERIES]
            queries = [_build_query(f"m{number}", metric) for number, metric in enumerate(batch)]
            pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
                MetricDataQueries=queries,
                StartTime=datetime.fromtimestamp(now - WINDOW, UTC),
                EndTime=datetime.fromtimestamp(now + 60, UTC),
            )
            for result in (result for page in pages for result in page["MetricDataResults"]):
                points = zip(result["Timestamps"], result["Values"], strict=True)
                series.setdefault(batch[int(result["Id"][1:])], []).extend(
                    Point(start.timestamp(), value) for start, value in points
                )
        return {metric: sorted(points) for metric, points in series.items() if points}

    def _read_queue(self, name: str) -> Queue:
        url = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        waiting, in_flight = (int(attributes[name]) for name in names)
        return Queue(waiting, in_flight)

    def _read_archived(self, now: float) -> Archived:
        """First what was written into the folders of this hour and this day, then everything."""
        pages = 0
        newest: float | None = None
        for prefix in _list_prefixes(now):
            for page in self._list_pages(prefix):
                written = [item["LastModified"].timestamp() for item in page.get("Contents", ())]
                newest = max([*written, *([newest] if newest else [])], default=None)
                pages += 1
                if pages == MAX_PAGES:
                    return Archived(newest, is_complete=False)
            if newest and newest > now - 300:
                break
        return Archived(newest)

    def _list_pages(self, prefix: str) -> Iterable[Any]:
        pages: Iterable[Any] = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._settings.archive_bucket, Prefix=prefix
        )
        return pages

    def _read_snapshot_version(self) -> int:
        pointer = self._snapshots.read_pointer()
        return pointer.version if pointer else 0

    def _read_alarms(self) -> list[str] | None:
        """By their names in the runbook. Those of a rollout call nobody."""
        if self._settings.env == "local":
            return None
        prefix = f"realtime-{self._settings.env}-"
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(
            AlarmNamePrefix=prefix, StateValue="ALARM"
        )
        names = [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]
        return sorted(name.removeprefix(prefix) for name in names if "-new-version-" not in name)


def connect_cloudwatch() -> Any:
    config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 2})
    return get_session().create_client("cloudwatch", config=config)


def read_published(definitions: Definitions) -> Published:
    version = definitions.get_changes(None).version
    if not version:
        return Published(0, None)
    changes = definitions.get_changes(version - 1)
    published_at = None
    for kind, key in sorted(changes.keys or ())[:1]:
        for row in definitions.get_history(kind, key)[:1]:
            with suppress(ValueError):
                published_at = parse_timestamp(row.published_at)
    return Published(version, published_at)


def answer(question: Callable[[], T]) -> T | Unanswered:
    try:
        return question()
    except ClientError as error:
        details = error.response.get("Error", {})
        return Unanswered(f"{error.operation_name} answers {details.get('Code', 'an error')}")
    except EndpointConnectionError as error:
        parts = urlsplit(error.kwargs["endpoint_url"])
        return Unanswered(f"nothing answers at {parts.scheme}://{parts.netloc}")
    except BotoCoreError as error:
        return Unanswered(str(error))
    except RealtimeError as error:
        return Unanswered(str(error))


def _build_query(query_id: str, metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    described = {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": dimensions}
    stat = {"Metric": described, "Period": metric.period, "Stat": metric.statistic}
    return {"Id": query_id, "MetricStat": stat, "ReturnData": True}


def _list_prefixes(now: float) -> Iterator[str]:
    day = datetime.fromtimestamp(now, UTC)
    folder = f"raw/events/year={day:%Y}/month={day:%m}/day={day:%d}/"
    yield f"{folder}hour={day:%H}/"
    yield folder
    yield "raw/events/"
