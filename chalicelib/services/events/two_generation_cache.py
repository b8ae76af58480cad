"""What a container remembers of the last minutes, bounded, at the price of a dict."""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class TwoGenerationCache(Generic[K, V]):
    """Two generations: whatever is put stays for one of them, at most ``size`` entries or ``seconds`` long,
    and is gone after two. An LRU or TTL cache costs several microseconds an entry, this a tenth of one."""

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._began = 0.0
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def among(self, keys: Iterable[K]) -> dict[K, V]:
        """Those of ``keys`` that are remembered."""
        young, old = self._young, self._old
        return {key: found for key in keys if (found := young.get(key) or old.get(key)) is not None}

    def update(self, entries: Mapping[K, V], now: float) -> None:
        """``now`` in epoch seconds."""
        if now - self._began >= 2 * self._seconds:
            self._young = {}
        if now - self._began >= self._seconds or len(self._young) + len(entries) > self._size:
            self._old, self._young, self._began = self._young, {}, now
        self._young.update(entries)
