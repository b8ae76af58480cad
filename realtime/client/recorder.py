"""What a client sends: its evaluations, and the events of its caller. Each waits in a buffer with a bound."""

import logging
import uuid
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

import orjson

from chalicelib.domain.context import check_user_id
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.event_types import EXPOSURE
from chalicelib.domain.stream.tracking import is_sampled
from chalicelib.domain.timestamps import format_timestamp
from realtime.client.connection import Connection, Refused, Unreachable

CAPACITY = 10_000
"""Evaluations, and as many events, that wait to be sent."""
REMEMBERED = 50_000
"""Answers that are not sent twice within a window; after so many, all may be sent again, with the same id."""
MAX_EVENTS, MAX_BYTES = 500, 900_000
"""Of one request. A load balancer takes 1 MB."""
MAX_EVALUATIONS = 400
"""Of one request: with the longest user ids they have as many bytes."""
_log = logging.getLogger("realtime_client")


class Recorder:
    """``seen`` are the users that each answer was recorded for within the window, by the answer's JSON."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dropped = self.rejected = self.sent = 0
        self.seen: dict[str, set[str]] = {}
        self.forget()

    def forget(self) -> None:
        """After a fork: what waits is sent by the parent."""
        self.seen.clear()
        self._remembered = 0
        self._window: float | None = None
        self.period_ends = 0.0
        self._evaluations: deque[tuple[str, float, Evaluation]] = deque()
        self._events: deque[bytes] = deque()
        self._exposed: set[tuple[str, str]] = set()
        self._sending = Lock()
        self._has_warned = False

    @property
    def waiting(self) -> int:
        return len(self._evaluations) + len(self._events)

    def begin_period(self, window: float | None, now: float) -> None:
        """Forgets what was recorded in the last one. As the service does, it counts periods from 1970."""
        if window != self._window or now >= self.period_ends:
            self._window = window
            self.seen.clear()
            self._exposed = set()
            self._remembered = 0
            self.period_ends = (now // window + 1) * window if window else now + 3600

    def add_evaluation(self, user_id: str, now: float, evaluation: Evaluation) -> None:
        """Unless it was recorded within the window."""
        if self._window is None or user_id in self.seen.get(evaluation.encoded, ()):
            return
        if self._remembered >= REMEMBERED:
            self.seen.clear()
            self._remembered = 0
        if self._window:  # else each evaluation is recorded
            self._remembered += 1
            self.seen.setdefault(evaluation.encoded, set()).add(user_id)
        if len(self._evaluations) >= CAPACITY:
            self.dropped += 1
        else:
            self._evaluations.append((user_id, now, evaluation))

    def add_event(self, event_type: str, user_id: str, now: float, fields: Mapping[str, Any]) -> None:
        """Raises InvalidInput for the user id, and TypeError for what JSON does not have."""
        exposed = str(fields.get("experiment_key")), user_id
        if event_type == EXPOSURE and exposed in self._exposed:
            return
        event = {
            "event_id": str(uuid.uuid4()),  # so that one that is sent again counts once
            "event_type": event_type,
            "user_id": check_user_id(user_id),
            "timestamp": format_timestamp(now),
            **{name: value for name, value in fields.items() if value is not None},
        }
        text = orjson.dumps(event)
        if event_type == EXPOSURE and len(self._exposed) < REMEMBERED:
            self._exposed.add(exposed)
        if len(self._events) >= CAPACITY:
            self.dropped += 1
        else:
            self._events.append(text)

    def send(self, now: float) -> None:
        """All that waits. ``now`` is epoch seconds, by the clock that dated it.

        Raises Unreachable, or Refused because of the key: then what was not taken waits on.
        """
        with self._sending:
            self._send_evaluations(now)
            while self._events:
                batch = list(_take_batch(self._events))
                self._post("events", batch, now, self._events, batch)

    def _send_evaluations(self, now: float) -> None:
        while self._evaluations:
            number = min(MAX_EVALUATIONS, len(self._evaluations))
            taken = [self._evaluations.popleft() for _ in range(number)]
            sampled = [_encode_evaluation(*each) for each in taken if is_sampled(each[2], each[0])]
            if sampled:
                self._post("evaluations", sampled, now, self._evaluations, taken)

    def _post(
        self, name: str, batch: Sequence[bytes], now: float, queue: deque[Any], taken: Sequence[Any]
    ) -> None:
        """What was ``taken`` from ``queue`` for this batch goes back if it may be sent later."""
        path, sent_at = f"/{name}", format_timestamp(now)
        body = b'{"%b":[%b],"sent_at":"%b"}' % (name.encode(), b",".join(batch), sent_at.encode())
        try:
            answer = self._connection.post(path, body).read()
            if "accepted" not in answer:
                raise Unreachable("the answer is not the service's")  # noqa: TRY301 - as what the call raises
        except Unreachable:
            queue.extendleft(reversed(taken))
            raise
        except Refused as error:
            if error.is_about_key:
                queue.extendleft(reversed(taken))
                raise
            self._count_rejected(path, len(batch), str(error))
        else:
            rejected = answer.get("rejected") or []
            self.sent += len(batch) - len(rejected)
            if rejected:
                self._count_rejected(path, len(rejected), str(rejected[0].get("code")))

    def _count_rejected(self, path: str, number: int, reason: str) -> None:
        self.rejected += number
        if not self._has_warned:
            self._has_warned = True
            _log.warning("%s has rejected %d items, the first: %s. It is logged once.", path, number, reason)


def _encode_evaluation(user_id: str, now: float, evaluation: Evaluation) -> bytes:
    return orjson.dumps(
        {
            "flag_key": evaluation.flag_key,
            "user_id": user_id,
            "variant": evaluation.variant,
            "reason": evaluation.reason,
            "version": evaluation.version,
            "timestamp": format_timestamp(now),
        }
    )


def _take_batch(texts: deque[bytes]) -> Iterator[bytes]:
    size = number = 0
    while texts and number < MAX_EVENTS and (number == 0 or size + len(texts[0]) < MAX_BYTES):
        text = texts.popleft()
        size, number = size + len(text) + 1, number + 1
        yield text
