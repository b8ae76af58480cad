"""One invocation of a stream handler, as Lambda does it."""

import logging
import time
import traceback
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from chalicelib.domain.timestamps import format_timestamp
from realtime.local.delivery import Batch, find_first_failure
from realtime.resources import EventSource

Handler = Callable[[Any, Any], object]
log = logging.getLogger(__name__)

LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Context:
    """The context object of a Lambda function. The time limit is reported but not enforced."""

    function_name: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def invoke(handler: Handler, source: EventSource, batch: Batch, shard: str) -> int | None:
    """The index in ``batch`` to resume at; None after a full success.

    Event and answer pass through JSON, as in Lambda.
    """
    function = source.function
    event = orjson.loads(orjson.dumps(_build_event(source, batch, shard)))
    context = Context(function, str(uuid.uuid4()), time.monotonic() + LIMIT_SECONDS)
    try:
        answer = orjson.loads(orjson.dumps(handler(event, context)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - Lambda retries whatever a handler raised
        reason = describe_error(error)
        failed_at: int | None = 0
    else:
        reason, failed_at = "reported", find_first_failure(answer, batch)
        if source.tumbling_window and not (isinstance(answer, Mapping) and "state" in answer):
            reason, failed_at = "no state", 0
    if failed_at is not None:
        # no message of the error: it may quote a user's data
        log.warning(
            "%s: %d of %d records failed (%s)",
            function,
            len(batch.records) - failed_at,
            len(batch.records),
            reason,
        )
    return failed_at


def _build_event(source: EventSource, batch: Batch, shard: str) -> dict[str, Any]:
    event: dict[str, Any] = {"Records": [record.event for record in batch.records]}
    if source.tumbling_window:
        start = batch.records[0].arrived_at // source.tumbling_window * source.tumbling_window
        end = start + source.tumbling_window
        event |= {
            "window": {"start": format_timestamp(start, "seconds"), "end": format_timestamp(end, "seconds")},
            "state": {},
            "shardId": shard,
            "isFinalInvokeForWindow": False,
            "isWindowTerminatedEarly": False,
        }
    return event


def describe_error(error: BaseException) -> str:
    """Type and place of an error, without its message, which may quote a user's data."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
