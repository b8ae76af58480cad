"""What AWS does with metrics by itself: read the service's lines, and measure streams and queues.

The local stack writes them to the emulator's CloudWatch, so that `status` reads one source everywhere.
"""

import json
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.status.alarms import LOCAL_CONTAINER, name_function
from chalicelib.metrics import Metrics
from realtime.local.clients import Clients
from realtime.local.pump import Pump

SECONDS = 5.0
"""Between two reports. In AWS it is a minute."""
DATA = 500
"""In one call, of which each takes some milliseconds on both sides. AWS takes 1,000."""
ENV = "local"
log = logging.getLogger(__name__)


class Reporter:
    """``pumps`` may grow. ``queues`` are names."""

    def __init__(self, clients: Clients, pumps: Sequence[Pump], queues: Sequence[str]) -> None:
        self._clients, self._pumps, self._queues = clients, pumps, queues
        self._lines: deque[str] = deque()
        self.metrics = Metrics(ENV, LOCAL_CONTAINER, SECONDS, time.time, self._lines.append)

    def report(self) -> None:
        """Write what was recorded since the last call, and how it is now."""
        oldest = [datum for queue in self._queues for datum in self._measure_oldest(queue)]
        self.metrics.flush()
        recorded: dict[str, list[Any]] = defaultdict(list)
        while self._lines:
            for namespace, data in read_line(self._lines.popleft()):
                recorded[namespace] += data
        recorded["AWS/Lambda"] += [
            _build_datum(
                "IteratorAge", 1000 * pump.measure_lag(), FunctionName=name_function(ENV, pump.function)
            )
            for pump in self._pumps
        ]
        recorded["AWS/SQS"] += oldest
        for namespace, data in recorded.items():
            for start in range(0, len(data), DATA):
                self._clients.cloudwatch.put_metric_data(
                    Namespace=namespace, MetricData=data[start : start + DATA]
                )

    def _measure_oldest(self, queue: str) -> Iterator[Any]:
        """Nothing for an empty queue. The messages stay visible."""
        sqs = self._clients.sqs
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            AttributeNames=["SentTimestamp"],
        )
        sent = [int(message["Attributes"]["SentTimestamp"]) for message in answer.get("Messages", [])]
        if sent:
            yield _build_datum(
                "ApproximateAgeOfOldestMessage", time.time() - min(sent) / 1000, QueueName=queue
            )


@contextmanager
def report_metrics(reporter: Reporter) -> Iterator[None]:
    """Report every few seconds until the block ends."""
    is_stopping = threading.Event()

    def run() -> None:
        while not is_stopping.wait(SECONDS):
            try:
                reporter.report()
            except (BotoCoreError, ClientError) as error:
                log.warning("metrics could not be written: %s", type(error).__name__)

    thread = threading.Thread(target=run, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_stopping.set()
        thread.join()


def read_line(text: str) -> Iterator[tuple[str, list[Any]]]:
    """Namespace and data of each directive of a line in CloudWatch's embedded metric format."""
    line = json.loads(text)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        timestamp = line["_aws"]["Timestamp"] / 1000
        data = [
            _build_datum(
                metric["Name"], line[metric["Name"]], timestamp, **{name: line[name] for name in names}
            )
            for names in directive["Dimensions"]
            for metric in directive["Metrics"]
        ]
        yield directive["Namespace"], data


def _build_datum(
    name: str, value: float, timestamp: float | None = None, **dimensions: str
) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        "Timestamp": time.time() if timestamp is None else timestamp,
        "Value": value,
    }
