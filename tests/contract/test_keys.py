"""What every store of API keys does: the one in memory and the one in DynamoDB."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.keys import Keys
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.stores.keys import KeyStore
from realtime.testing.stores import MemoryKeys
from tests.support.api_keys import store_key

KEY = store_key("assign", "flags", name="web")
TIME = "2026-11-26T12:00:00Z"
NOW = parse_timestamp(TIME)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Keys:
    if request.param == "memory":
        return MemoryKeys()
    table = request.getfixturevalue("aws_settings").keys_table
    return KeyStore(request.getfixturevalue("service_clients"), table)


@pytest.mark.parametrize("fields", [{}, {"revoked": TIME}, {"expires": TIME}, {"last_used": TIME}])
def test_a_key_is_read_as_it_was_written(store: Keys, fields: dict[str, Any]) -> None:
    key = replace(KEY, **fields)
    store.put(key)
    assert store.get(KEY.id) == key
    assert [each for each in store.get_all() if each.id == KEY.id] == [key]


def test_a_use_is_written_if_the_last_one_is_old(store: Keys) -> None:
    store.put(KEY)
    for used, before, expected in (
        (NOW, NOW - 3600, NOW),  # the first
        (NOW + 10, NOW - 3590, NOW),
        (NOW + 3601, NOW + 1, NOW + 3601),
    ):
        store.mark_used(KEY.id, used, before)
        assert store.get(KEY.id) == replace(KEY, last_used=format_timestamp(expected, "seconds"))


def test_a_use_brings_no_key_into_being(store: Keys) -> None:
    absent = store_key("assign", name="absent")
    store.mark_used(absent.id, NOW, NOW - 3600)
    assert store.get(absent.id) is None


def test_a_use_keeps_a_revocation(store: Keys) -> None:
    revoked = replace(KEY, revoked=TIME)
    store.put(revoked)
    store.mark_used(KEY.id, NOW, NOW - 3600)
    assert store.get(KEY.id) == replace(revoked, last_used=TIME)
