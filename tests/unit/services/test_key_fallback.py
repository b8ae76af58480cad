"""Keys by their snapshot, in containers that cannot read the table."""

import threading
from dataclasses import replace

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.key_fallback import POLL_SECONDS
from tests.support.authorizer import HEADER, MAX_STALE, NOW, TTL, WEB, Container, CountingKeys, bearer

REVOKED = replace(WEB, revoked="2026-02-01T00:00:00Z")


def start_in_an_outage() -> tuple[CountingKeys, Container]:
    keys = CountingKeys(WEB)
    keys.break_down()
    return keys, Container(keys)


def test_a_container_that_never_read_the_table_knows_keys_and_records_their_age() -> None:
    _, container = start_in_an_outage()
    container.take_snapshot(WEB, age=120.0)
    access = container.authorize(HEADER)
    assert (access.principal, "/flags/evaluate" in access.routes) == (WEB.id[:12], True)
    assert container.metrics.recorded == {"KeySnapshotLoaded": [1], "KeysAge": [120.0]}


def test_a_healthy_table_costs_no_look_at_the_snapshot() -> None:
    container = Container(CountingKeys(WEB))
    assert container.opens()
    assert not container.opens(bearer("other"))
    container.now += TTL
    assert container.opens()
    assert container.snapshot_reads == 0


@pytest.mark.parametrize("age", [MAX_STALE, MAX_STALE + 1, 1e9])
def test_one_that_was_not_confirmed_for_too_long_opens_nothing(age: float) -> None:
    _, container = start_in_an_outage()
    container.take_snapshot(WEB, age=age)
    with pytest.raises(StorageUnavailable):
        container.opens()
    container.take_snapshot(WEB, age=MAX_STALE - 10)
    container.now += POLL_SECONDS
    assert container.opens()


def test_it_grows_old_in_a_container_that_has_loaded_it() -> None:
    _, container = start_in_an_outage()
    container.take_snapshot(WEB, age=60.0)
    for later in (0.0, 600.0, MAX_STALE - 61):
        container.now = NOW + later
        assert container.opens()
    container.now = NOW + MAX_STALE - 60
    with pytest.raises(StorageUnavailable):
        container.opens()


def test_a_revoked_or_expired_key_opens_nothing() -> None:
    _, container = start_in_an_outage()
    container.take_snapshot(REVOKED)
    assert container.authorize(HEADER).routes == ()
    _, container = start_in_an_outage()
    container.take_snapshot(replace(WEB, expires=format_timestamp(NOW + 10, "seconds")))
    assert container.opens()
    container.now += 10
    assert not container.opens()


@pytest.mark.parametrize("has_snapshot", [True, False])
def test_a_key_that_it_does_not_have_is_no_verdict(has_snapshot: bool) -> None:
    """It may have been created since."""
    _, container = start_in_an_outage()
    if has_snapshot:
        container.take_snapshot(WEB)
    with pytest.raises(StorageUnavailable):
        container.opens(bearer("new"))


def test_a_revocation_reaches_a_container_that_knows_the_key_from_the_table() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert container.opens()
    keys.break_down()
    container.take_snapshot(WEB)
    container.now += TTL
    assert container.opens()
    container.take_snapshot(REVOKED, age=600.0)  # it is older than what the container knows
    container.now += POLL_SECONDS
    assert not container.opens()


def test_a_younger_snapshot_keeps_a_key_in_use_beyond_its_own_bound() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    assert container.opens()
    keys.break_down()
    container.now += MAX_STALE + 60
    container.take_snapshot(WEB, age=120.0)
    assert container.opens()
    assert container.metrics.recorded["KeysAge"] == [120.0]


def test_the_table_decides_again_with_its_first_answer() -> None:
    keys, container = start_in_an_outage()
    container.take_snapshot(WEB)
    assert container.opens()
    keys.put(REVOKED)
    keys.mend()
    container.now += 1.0
    assert not container.opens()


def test_a_snapshot_is_looked_for_once_in_a_while_and_one_that_was_loaded_stays() -> None:
    _, container = start_in_an_outage()
    container.take_snapshot(WEB)
    for number in range(50):
        assert container.opens()
        with pytest.raises(StorageUnavailable):
            container.opens(bearer(str(number)))
    assert container.snapshot_reads == 1
    container.snapshot_error = StorageUnavailable()
    container.now += POLL_SECONDS
    assert container.opens()
    assert container.snapshot_reads == 2


def test_a_silent_table_is_not_waited_for() -> None:
    """It fails after ten seconds here, and with an error that nobody catches."""
    keys = CountingKeys(WEB)
    container = Container(keys)
    container.take_snapshot(WEB)
    keys.may_answer.clear()
    try:
        assert container.opens()
    finally:
        keys.may_answer.set()


def test_without_a_snapshot_a_slow_table_is_waited_for() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    keys.may_answer.clear()

    threading.Timer(0.7, keys.may_answer.set).start()
    assert container.opens()
