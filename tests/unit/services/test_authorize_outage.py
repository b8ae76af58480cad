"""Keys while their table is slow or away."""

import threading
from dataclasses import replace

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.authorize import MAX_KEYS, RETRY_SECONDS
from tests.support.authorizer import HEADER, MAX_STALE, NOW, TTL, WEB, Container, CountingKeys, bearer


def test_a_good_key_goes_on_to_open_while_the_table_is_away_and_its_age_is_recorded() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    before = container.authorize(HEADER)
    keys.break_down()
    for age in (TTL, 600.0, MAX_STALE - 1):
        container.now = NOW + age
        assert container.authorize(HEADER) == before
    assert container.metrics.recorded == {"KeysAge": [TTL, 600.0, MAX_STALE - 1]}


def test_it_does_so_up_to_the_bound_and_then_fails_honestly() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert container.opens()
    keys.break_down()
    container.now = NOW + MAX_STALE
    with pytest.raises(StorageUnavailable):
        container.authorize(HEADER)
    keys.mend()
    assert container.opens()


def test_a_revoked_key_stays_refused_while_the_table_is_away() -> None:
    keys = CountingKeys(replace(WEB, revoked="2026-02-01T00:00:00Z"))
    container = Container(keys)
    assert not container.opens()
    keys.break_down()
    container.now = NOW + 600.0
    assert not container.opens()


def test_an_unknown_key_is_no_verdict_while_the_table_is_away() -> None:
    """It may have been created since."""
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert not container.opens(bearer("new"))
    keys.break_down()
    container.now = NOW + TTL
    with pytest.raises(StorageUnavailable):
        container.authorize(bearer("new"))


def test_a_dead_table_is_asked_for_a_key_once_a_second() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert container.opens()
    keys.break_down()
    container.now = NOW + TTL
    for _ in range(100):
        assert container.opens()
    assert len(keys.reads) == 2
    container.now += RETRY_SECONDS
    assert container.opens()
    assert len(keys.reads) == 3


def test_a_revocation_is_in_force_with_the_first_answer_after_the_outage() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert container.opens()
    keys.break_down()
    container.now = NOW + 300.0
    assert container.opens()
    keys.put(replace(WEB, revoked="2026-02-01T00:00:00Z"))
    keys.mend()
    container.now += RETRY_SECONDS
    assert not container.opens()


def test_a_revocation_that_a_slow_table_tells_late_is_in_force_when_it_comes() -> None:
    """The first request waits for it, and the others, after a failure, a quarter of a second."""
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert container.opens()
    keys.put(replace(WEB, revoked="2026-02-01T00:00:00Z"))
    container.now = NOW + TTL
    keys.may_answer.clear()
    threading.Timer(0.5, keys.may_answer.set).start()
    assert not container.opens()


def test_made_up_keys_push_out_no_key_that_exists() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert container.opens()
    for number in range(MAX_KEYS + 1):
        assert not container.opens(bearer(str(number)))
    keys.reads.clear()
    assert container.opens()
    assert keys.reads == []


def test_an_outage_prolongs_no_key() -> None:
    keys = CountingKeys(replace(WEB, expires=format_timestamp(NOW + 90, "seconds")))
    container = Container(keys)
    assert container.opens()
    keys.break_down()
    container.now = NOW + 89
    assert container.opens()
    container.now = NOW + 90
    assert not container.opens()
