"""Calls with a time limit."""

import threading

import pytest

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.services.concurrency import call_within
from tests.support.poll import wait_until


def test_what_comes_in_time_is_the_answer() -> None:
    assert call_within(lambda: 7) == 7


def test_a_failure_is_raised_as_it_is() -> None:
    def fail() -> None:
        raise Throttled

    with pytest.raises(Throttled):
        call_within(fail)


def test_the_call_knows_how_much_time_the_request_has_left() -> None:
    with deadline.limit(lambda: 1.5):
        assert call_within(deadline.get_remaining) == 1.5


def test_it_is_given_up_when_the_time_is_over_and_goes_on() -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def slow() -> None:
        assert may_end.wait(10)
        has_ended.set()

    with pytest.raises(StorageUnavailable):
        call_within(slow, 0.01)
    assert not has_ended.is_set()
    may_end.set()
    assert wait_until(has_ended.is_set, seconds=10)
