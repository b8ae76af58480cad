"""How long a request waits for a store: shortly for one that has just failed."""

import threading
import time

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.services.concurrency import REFRESH_TIMEOUT_SECONDS
from chalicelib.services.refresh_wait import FAILING_SECONDS, LONGEST_SECONDS, RefreshWait
from tests.support.poll import wait_until


class Store:
    """Answers when it may."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wait = RefreshWait(lambda: self.now)
        self.may_answer = threading.Event()
        self.answers = 0

    def ask(self) -> int:
        assert self.may_answer.wait(10)
        self.answers += 1
        return self.answers

    def fail(self) -> int:
        raise StorageUnavailable

    def measure_wait(self) -> float:
        start = time.monotonic()
        with pytest.raises(StorageUnavailable):
            self.wait.call(self.ask, 1.0)
        return time.monotonic() - start


def test_a_slow_store_is_waited_for() -> None:
    store = Store()
    threading.Timer(2 * REFRESH_TIMEOUT_SECONDS, store.may_answer.set).start()
    assert store.wait.call(store.ask) == 1
    assert LONGEST_SECONDS > 2 * REFRESH_TIMEOUT_SECONDS


def test_a_store_that_has_just_failed_is_not_and_its_late_answer_counts() -> None:
    store = Store()
    with pytest.raises(StorageUnavailable):
        store.wait.call(store.fail)
    assert store.measure_wait() < 0.9
    store.may_answer.set()
    assert wait_until(lambda: store.answers == 1)
    assert wait_until(lambda: store.wait.call(store.ask) > 1)
    store.may_answer.clear()
    assert store.measure_wait() >= 1.0


def test_a_failure_is_forgotten_after_a_while() -> None:
    store = Store()
    with pytest.raises(StorageUnavailable):
        store.wait.call(store.fail)
    store.now += FAILING_SECONDS
    assert store.measure_wait() >= 1.0
