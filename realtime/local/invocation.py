"""One invocation of a stream handler, as far as it can be told from Lambda's."""

import logging
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from realtime.local.delivery import Batch, first_failure

Handler = Callable[[Any, Any], object]
log = logging.getLogger(__name__)

LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Context:
    """What a function may ask of its invocation. The time limit is told, not enforced."""

    function_name: str
    aws_request_id: str
    deadline: float
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def invoke(handler: Handler, function: str, batch: Batch) -> int | None:
    """Where to resume in ``batch``; None after a full success. Both ways through JSON, as in Lambda."""
    event = orjson.loads(orjson.dumps({"Records": [record.event for record in batch.records]}))
    context = Context(function, str(uuid.uuid4()), time.monotonic() + LIMIT_SECONDS)
    try:
        answer = orjson.loads(orjson.dumps(handler(event, context)))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - Lambda retries whatever a handler raised
        reason = place(error)
        failed_at: int | None = 0
    else:
        reason, failed_at = "reported", first_failure(answer, batch)
    if failed_at is not None:
        # the place, not the message: that may quote a user's data
        log.warning(
            "%s: %d of %d records failed (%s)",
            function,
            len(batch.records) - failed_at,
            len(batch.records),
            reason,
        )
    return failed_at


def place(error: BaseException) -> str:
    """What went wrong and where, without the message."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}"
