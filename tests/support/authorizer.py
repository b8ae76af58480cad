"""An authorizer over keys in memory that counts its calls."""

import threading

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.key_snapshot import KeySnapshot
from chalicelib.domain.keys import ApiKey
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.services.authorize import Authorizer
from chalicelib.services.key_fallback import KeyFallback
from chalicelib.services.key_uses import KeyUses
from realtime.testing.stores import MemoryKeys, MemoryMetrics
from tests.support.api_keys import make_key, store_key

WEB = store_key("flags", name="web")
HEADER = f"Bearer {make_key('web')}"
NOW = parse_timestamp("2026-11-26T12:00:00Z")
TTL, MAX_STALE = 60.0, 3600.0


class CountingKeys(MemoryKeys):
    """Each call raises ``error`` if there is one, and waits for ``may_answer``."""

    def __init__(self, *keys: ApiKey) -> None:
        super().__init__()
        for key in keys:
            self.put(key)
        self.reads: list[str] = []
        self.lists = 0
        self.writes = 0
        self.error: Exception | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def break_down(self) -> None:
        self.error = StorageUnavailable()

    def mend(self) -> None:
        self.error = None

    def get(self, key_id: str) -> ApiKey | None:
        self.reads.append(key_id)
        self._answer()
        return super().get(key_id)

    def get_all(self) -> list[ApiKey]:
        self.lists += 1
        self._answer()
        return super().get_all()

    def mark_used(self, key_id: str, now: float, before: float) -> None:
        self.writes += 1
        self._answer()
        super().mark_used(key_id, now, before)

    def _answer(self) -> None:
        assert self.may_answer.wait(10)
        if self.error:
            raise self.error


class Container:
    """An authorizer with a clock of its own."""

    def __init__(self, keys: CountingKeys, demo_key: str = "") -> None:
        self.now = NOW
        self.metrics = MemoryMetrics()
        self.uses = KeyUses(keys, self.metrics, self._tell)
        self.snapshot: KeySnapshot | None = None
        self.snapshot_error: Exception | None = None
        self.snapshot_reads = 0
        self.authorizer = Authorizer(
            keys,
            demo_key,
            self.metrics,
            self.uses,
            KeyFallback(self._read_snapshot, self.metrics, self._tell, self._tell),
            ttl=TTL,
            max_stale=MAX_STALE,
            timer=self._tell,
            clock=self._tell,
        )
        self.authorize = self.authorizer.authorize

    def opens(self, header: str = HEADER) -> bool:
        return bool(self.authorize(header).routes)

    def take_snapshot(self, *keys: ApiKey, age: float = 0.0) -> None:
        """It has ``keys``, and was in force ``age`` seconds ago."""
        self.snapshot = KeySnapshot({key.id: key for key in keys}, self.now - age)

    def _read_snapshot(self) -> KeySnapshot | None:
        self.snapshot_reads += 1
        if self.snapshot_error:
            raise self.snapshot_error
        return self.snapshot

    def _tell(self) -> float:
        return self.now


def make_authorizer(keys: CountingKeys, demo_key: str = "") -> Authorizer:
    return Container(keys, demo_key).authorizer


def bearer(name: str) -> str:
    return f"Bearer {make_key(name)}"
