"""Stores that fail as AWS does: before a call takes effect, after it, much later, or with the process."""

import random
from collections.abc import Callable
from typing import Any

from chalicelib.domain.errors import StorageUnavailable, Throttled


class Killed(BaseException):
    """The process is gone; nothing catches it but the test."""


class Faults:
    """Decides over each call of the wrapped stores; ``rate`` is the share of calls that go wrong."""

    def __init__(self, chance: random.Random, rate: float) -> None:
        self._chance = chance
        self.rate = rate
        self._late: list[Callable[[], object]] = []

    def wrap(self, store: Any) -> Any:
        return _Faulty(store, self)

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        self._land(0.3)
        fault = self._chance.choice(_FAULTS) if self._chance.random() < self.rate else ""
        if fault == "throttled":
            raise Throttled
        if fault == "refused":
            raise StorageUnavailable
        if fault == "killed before":
            raise Killed
        if fault == "late":
            self._late.append(lambda: method(*arguments))
            raise StorageUnavailable
        answer = method(*arguments)
        if fault == "answer lost":
            raise StorageUnavailable
        if fault == "killed after":
            raise Killed
        return answer

    def settle(self) -> None:
        """From now on nothing fails; what was late takes effect."""
        self.rate = 0.0
        self._land(1.0)

    def _land(self, share: float) -> None:
        for call in [call for call in self._late if self._chance.random() < share]:
            self._late.remove(call)
            call()


_FAULTS = ("throttled", "refused", "killed before", "late", "answer lost", "killed after")


class _Faulty:
    def __init__(self, store: Any, faults: Faults) -> None:
        self._store = store
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        return lambda *arguments: self._faults.call(method, *arguments)
