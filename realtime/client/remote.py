"""Flags that serve an experiment: the service assigns and stores, so it is asked, and its answer is kept."""

import json
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from cachetools import LRUCache

from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.reasons import Reason
from realtime.client.connection import Connection, Refused, Unreachable
from realtime.client.details import ErrorCode, Failure

SECONDS = 1.0
"""That an evaluation waits for the service."""
KEPT_SECONDS = 10.0
"""As long as a kill may take to be in force."""
PAUSE_SECONDS = 1.0
"""After a failure nobody is asked, so that an outage costs each caller nothing."""
MAX_ANSWERS = 10_000


class RemoteFlags:
    """``timer`` is monotonic. While the service does not answer, kept answers serve on."""

    def __init__(self, connection: Connection, timer: Callable[[], float]) -> None:
        self._connection = connection
        self._timer = timer
        self.forget()

    def forget(self) -> None:
        self._answers: LRUCache[tuple[str, int, str, str], tuple[Evaluation, float]] = LRUCache(MAX_ANSWERS)
        self._lock = Lock()
        self._paused_until = 0.0

    def evaluate(self, flag: Flag, user_id: str, context: Mapping[str, Any]) -> Evaluation:
        """The service counts the evaluation, and the exposure. Raises Failure."""
        try:
            text = json.dumps(context, sort_keys=True)
        except (TypeError, ValueError, RecursionError) as error:
            raise Failure(ErrorCode.INVALID_CONTEXT, f"The context is not JSON: {error}") from None
        name, now = (flag.key, flag.version, user_id, text), self._timer()
        with self._lock:
            kept = self._answers.get(name)
        if kept is not None and now < kept[1]:
            return kept[0]
        if now < self._paused_until:
            return _serve_kept(kept)
        try:
            evaluation = self._ask(flag, user_id, text)
        except Unreachable:
            self._paused_until = self._timer() + PAUSE_SECONDS
            return _serve_kept(kept)
        except Refused as error:
            raise _read_refusal(error) from None
        with self._lock:
            self._answers[name] = evaluation, now + KEPT_SECONDS
        return evaluation

    def _ask(self, flag: Flag, user_id: str, context: str) -> Evaluation:
        """``context`` is JSON."""
        body = f'{{"user_id":{json.dumps(user_id)},"flag_key":"{flag.key}","context":{context}}}'
        answer = self._connection.post("/flags/evaluate", body.encode(), SECONDS).read()
        try:
            variant, value = answer["variant"], answer["value"]
            return Evaluation(
                flag_key=flag.key,
                enabled=answer["enabled"],
                id=variant,
                variant=variant,
                value=value,
                has_value=value is not None,
                reason=Reason(answer["reason"]),
                version=flag.version,
                tracked=0,
                encoded="",
                member="",
                openfeature="",
            )
        except (KeyError, TypeError, ValueError):
            raise Unreachable("the answer is not one of /flags/evaluate") from None


def _serve_kept(kept: tuple[Evaluation, float] | None) -> Evaluation:
    if kept is None:
        message = "The flag serves an experiment, and the service that assigns users does not answer."
        raise Failure(ErrorCode.GENERAL, message)
    return kept[0]


def _read_refusal(error: Refused) -> Failure:
    if error.status == 404:
        return Failure(ErrorCode.FLAG_NOT_FOUND, error.message)
    if error.code == "targeting_key_missing":
        return Failure(ErrorCode.TARGETING_KEY_MISSING, error.message)
    is_input = error.status == 400
    return Failure(ErrorCode.INVALID_CONTEXT if is_input else ErrorCode.GENERAL, error.message)
