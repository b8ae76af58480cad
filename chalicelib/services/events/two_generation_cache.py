"""What a container remembers of the last minutes: bounded, and as cheap as a dict."""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class TwoGenerationCache(Generic[K, V]):
    """Keeps the latest two generations, each of at most ``size`` entries and ``seconds``.

    An LRU or TTL cache costs several microseconds an entry, this one a tenth of a microsecond.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._began = 0.0
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def get_many(self, keys: Iterable[K]) -> dict[K, V]:
        """The entries of ``keys`` that are cached."""
        young, old = self._young, self._old
        return {key: value for key in keys if (value := young.get(key) or old.get(key)) is not None}

    def update(self, entries: Mapping[K, V], now: float) -> None:
        """``now`` in epoch seconds."""
        if now - self._began >= 2 * self._seconds:
            self._young = {}
        if now - self._began >= self._seconds or len(self._young) + len(entries) > self._size:
            self._old, self._young, self._began = self._young, {}, now
        self._young.update(entries)
