"""Keeps a sample of recent decisions, without their users, after they were answered.

docs/adr/016-recent-contexts.md says why it is made so.
"""

import logging
import random
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from chalicelib import deadline
from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.definitions.schema import Definition
from chalicelib.domain.definitions.units import list_unit_attributes
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.recent_contexts import (
    MAX_KEYS,
    RecentContext,
    RecentContexts,
    find_slot,
    hash_unit,
    hide_user,
)
from chalicelib.metrics import MetricsRecorder

CAPACITY = 100
"""Decisions that wait; of more, the newest are kept."""
FLUSH_SECONDS = 1.0
_SALT_BYTES = 32
_log = logging.getLogger("realtime")


class _Decision(NamedTuple):
    kind: DefinitionKind
    keys: Collection[str] | None
    user_id: str
    context: dict[str, Any]
    now: float


class ContextSampler:
    """``share`` of the decisions are kept, at most one in each of ``slots``, for ``seconds``.

    ``list_documents`` gives the definitions whose units are hidden. The salt lives as long as the container,
    and nowhere else. ``draw`` gives a number from 0 to 1.
    """

    def __init__(
        self,
        store: RecentContexts,
        list_documents: Callable[[], Iterable[Definition]],
        metrics: MetricsRecorder,
        *,
        share: float,
        slots: int,
        seconds: float,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._list_documents = list_documents
        self._metrics = metrics
        self._share = share
        self._slots = slots
        self._seconds = seconds
        self._draw = draw
        self._salt = b""
        self._waiting: deque[_Decision] = deque(maxlen=CAPACITY)

    def offer(
        self,
        kind: DefinitionKind,
        keys: Collection[str] | None,
        user_id: str | None,
        context: dict[str, Any],
        now: float,
    ) -> None:
        """During a request. ``keys`` None means all; ``now`` is epoch seconds."""
        if self._draw() < self._share and user_id is not None:
            self._waiting.append(_Decision(kind, keys, user_id, context, now))

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """After the answer. It never raises: a sample may miss decisions."""
        if not self._waiting:
            return
        limit = time.monotonic() + min(seconds, FLUSH_SECONDS)
        try:
            kept = self._collect()
            if kept:
                with deadline.limit(lambda: limit - time.monotonic()):
                    newest = max(recent.at for recent in kept.values())
                    self._store.put(kept, newest + self._seconds)
        except RealtimeError:
            self._metrics.record("ContextsNotKept")
        except Exception as error:  # noqa: BLE001 - a sample must never stop the answers
            self._metrics.record("ContextsNotKept")
            _log.error("contexts were not kept: %s", type(error).__name__)

    def _collect(self) -> dict[int, RecentContext]:
        """By slot: a later decision replaces an earlier one."""
        self._salt = self._salt or secrets.token_bytes(_SALT_BYTES)
        units = {path for document in self._list_documents() for path in list_unit_attributes(document)}
        kept = {}
        while self._waiting:
            kind, keys, user_id, context, now = self._waiting.popleft()
            hidden = hide_user(context, user_id, units, self._salt)
            if hidden is not None and (keys is None or len(keys) <= MAX_KEYS):
                unit = hash_unit(user_id, self._salt)
                asked = None if keys is None else tuple(keys)
                kept[find_slot(unit, self._slots)] = RecentContext(kind, asked, unit, hidden, now)
        return kept
