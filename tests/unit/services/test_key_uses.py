"""When a key was last used."""

from dataclasses import replace

import pytest

from chalicelib.domain.keys import ApiKey
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.key_uses import SECONDS_BETWEEN
from realtime.testing.stores import MemoryKeys
from tests.support.authorizer import HEADER, NOW, WEB, Container, CountingKeys


def read_last_used(keys: CountingKeys) -> str | None:
    (key,) = MemoryKeys.get_all(keys)
    return key.last_used


def test_the_use_of_a_key_is_written_after_the_answer_once_an_hour() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    for _ in range(3):
        container.authorize(HEADER)
        assert (keys.writes, read_last_used(keys)) == (0, None)
    for _ in range(60):
        container.uses.flush()
        container.now += 59
        container.authorize(HEADER)
    assert (keys.writes, read_last_used(keys)) == (1, format_timestamp(NOW, "seconds"))
    container.now = NOW + SECONDS_BETWEEN + 1
    container.authorize(HEADER)
    container.uses.flush()
    assert (keys.writes, read_last_used(keys)) == (2, format_timestamp(container.now, "seconds"))


def test_many_containers_write_it_once() -> None:
    keys = CountingKeys(WEB)
    for _ in range(50):
        container = Container(keys)
        container.authorize(HEADER)
        container.uses.flush()
    assert keys.writes == 1


@pytest.mark.parametrize(
    "refused",
    [replace(WEB, revoked="2026-02-01T00:00:00Z"), replace(WEB, expires="2026-02-01T00:00:00Z")],
)
def test_a_refused_key_is_not_used(refused: ApiKey) -> None:
    keys = CountingKeys(refused)
    container = Container(keys)
    container.authorize(HEADER)
    container.uses.flush()
    assert keys.writes == 0


def test_a_use_that_cannot_be_written_fails_nothing_and_waits_an_hour() -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    container.authorize(HEADER)
    keys.break_down()
    container.uses.flush()
    keys.mend()
    container.authorize(HEADER)
    container.uses.flush()
    assert (keys.writes, container.metrics.recorded) == (1, {"KeyUsesNotKept": [1]})


@pytest.mark.parametrize("error", [ValueError("rt_secret"), KeyError("rt_secret")])
def test_a_bug_in_it_stops_nothing_and_logs_no_key(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    keys = CountingKeys(WEB)
    container = Container(keys)
    container.authorize(HEADER)

    keys.error = error
    container.uses.flush()
    assert "rt_" not in caplog.text
    assert type(error).__name__ in caplog.text
