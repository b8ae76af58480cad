"""What guessing keys costs."""

from dataclasses import replace

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.unknown_keys import GUESSES
from tests.support.api_keys import store_key
from tests.support.authorizer import HEADER, NOW, TTL, WEB, Container, CountingKeys, bearer


def guess(number: int) -> str:
    return f"Bearer rt_{number:043}"


def test_12_000_random_keys_cost_a_few_reads_and_one_list() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    for number in range(12_000):
        assert container.authorize(guess(number)).routes == ()
    assert (len(keys.reads), keys.lists) == (GUESSES, 1)
    container.now += TTL + 1
    for number in range(12_000):
        assert container.authorize(guess(number)).routes == ()
    assert (len(keys.reads), keys.lists) == (2 * GUESSES, 2)


def test_guessing_shuts_out_no_stored_key_and_a_new_one_for_a_minute_at_most() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    for number in range(2 * GUESSES):
        container.authorize(guess(number))
    assert container.authorize(HEADER).routes
    keys.put(store_key("assign", name="new"))
    assert not container.authorize(bearer("new")).routes
    container.now += TTL + 1
    for number in range(2 * GUESSES):
        container.authorize(guess(number))
    assert container.authorize(bearer("new")).routes


def test_guessing_delays_no_revocation() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    for number in range(2 * GUESSES):
        container.authorize(guess(number))
    keys.put(replace(WEB, revoked=format_timestamp(NOW)))
    assert not container.authorize(HEADER).routes


def test_guessing_removes_no_good_key_from_the_cache() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    container.authorize(HEADER)
    for number in range(12_000):
        container.authorize(guess(number))
    keys.reads.clear()
    assert container.authorize(HEADER).routes
    assert keys.reads == []


def test_a_failed_list_is_an_error_and_not_remembered() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    for number in range(GUESSES):
        container.authorize(guess(number))
    keys.break_down()
    with pytest.raises(StorageUnavailable):
        container.authorize(HEADER)
    keys.mend()
    assert container.authorize(HEADER).routes
