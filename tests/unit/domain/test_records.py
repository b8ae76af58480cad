"""From a record's data to events, and what is kept of it if there is none."""

import base64
import gzip
import hashlib
import zlib
from contextlib import suppress

import orjson
import pytest
from aws_kinesis_agg.aggregator import RecordAggregator
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import records
from chalicelib.domain.events import Limits
from chalicelib.domain.records import Batch, Undecodable, batches, unpack
from tests.support.streams import kinesis, purchase, record


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


def aggregated(*parts: tuple[str, bytes]) -> bytes:
    aggregator = RecordAggregator()
    for key, part in parts:
        assert aggregator.add_user_record(key, part) is None
    content: bytes = aggregator.clear_and_get().get_contents()[2]
    return content


def code(content: object) -> str:
    with pytest.raises(Undecodable) as caught:
        unpack(content)
    return caught.value.refusal.code


def read(*payloads: object) -> Batch:
    [batch] = batches(kinesis(payloads)["Records"], Limits())
    return batch


def test_plain_data_is_one_part() -> None:
    assert unpack(data(b'{"a":1}')) == [(None, b'{"a":1}')]
    assert unpack("") == [(None, b"")]


@pytest.mark.parametrize("text", ["%%%", "YWJj\n", "YWJ", "YQ==YQ==", "é", "\ud800", None, 7, []])
def test_data_that_is_not_base64_is_refused(text: object) -> None:
    assert code(text) == "invalid_base64"


def test_gzip_is_unpacked_in_one_or_many_members() -> None:
    content = gzip.compress(b'{"a":') + gzip.compress(b"1}")
    assert unpack(data(content)) == [(None, b'{"a":1}')]


def test_broken_gzip_is_refused() -> None:
    whole = gzip.compress(b'{"a":1}')
    assert code(data(whole[:-3])) == "invalid_gzip"
    assert code(data(whole[:6] + b"\xff" * 20)) == "invalid_gzip"
    assert code(data(whole + b"more")) == "invalid_gzip"


def test_a_bomb_is_refused_before_it_has_unpacked() -> None:
    assert code(data(gzip.compress(b"0" * (records.MAX_UNPACKED + 1)))) == "too_large"
    half = gzip.compress(b"0" * (records.MAX_UNPACKED // 2 + 1))
    assert code(data(half + half)) == "too_large"
    assert len(unpack(data(gzip.compress(b"0" * records.MAX_UNPACKED)))[0][1]) == records.MAX_UNPACKED


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=50)), min_size=1, max_size=5))
def test_aggregated_records_are_read_as_the_library_writes_them(parts: list[tuple[str, bytes]]) -> None:
    plain = [(key, b"-" + part) for key, part in parts]  # a part that begins like gzip would be unpacked
    assert unpack(data(aggregated(*plain))) == plain


def test_parts_of_an_aggregate_may_be_gzipped() -> None:
    assert unpack(data(aggregated(("k", gzip.compress(b"{}"))))) == [("k", b"{}")]


@given(st.binary(max_size=60))
def test_a_message_that_is_no_aggregate_is_refused_and_never_crashes(message: bytes) -> None:
    digest = hashlib.md5(message, usedforsecurity=False).digest()
    with suppress(Undecodable):
        unpack(data(b"\xf3\x89\x9a\xc2" + message + digest))


def test_an_aggregate_with_a_wrong_checksum_is_refused() -> None:
    content = aggregated(("k", b"{}"))
    assert code(data(content[:-1] + bytes([content[-1] ^ 1]))) == "invalid_aggregate"
    assert code(data(b"\xf3\x89\x9a\xc2")) == "invalid_aggregate"


def test_parts_share_the_position_of_their_record() -> None:
    parts = [("u1", orjson.dumps(purchase("u1"))), ("u2", b"{"), ("u3", orjson.dumps(purchase("u3")))]
    batch = read(purchase(), aggregated(*parts))
    assert [(one.at, one.part, one.position) for one in batch.events] == [
        (0, 0, batch.positions[0]),
        (1, 0, batch.positions[1]),
        (1, 2, batch.positions[1]),
    ]
    [poison] = batch.poison
    assert (poison.at, poison.part, poison.partition_key, poison.payload) == (1, 1, "u2", b"{")


def test_poison_keeps_what_was_received() -> None:
    cut_off = zlib.compress(b"x" * 99, 6, 31)[:-1]
    batch = read(b'{"user_id": 7}', cut_off, "not base64!", "\ud800")
    assert [one.payload for one in batch.poison if one.part == 0] == [
        b'{"user_id": 7}',
        cut_off,
        b"not base64!",
        b"\xed\xa0\x80",
    ]
    assert batch.events == []


def test_each_shard_of_each_stream_is_a_batch_of_its_own() -> None:
    mixed = [record(purchase(), 1), record(purchase(), 2, shard=1), record(purchase(), 3)]
    mixed.append(record(purchase(), 4) | {"eventSourceARN": "arn:aws:kinesis:us-east-1:0:stream/other"})
    found = {batch.shard: len(batch.events) for batch in batches(mixed, Limits())}
    assert found == {
        "events/shardId-000000000000": 2,
        "events/shardId-000000000001": 1,
        "other/shardId-000000000000": 1,
    }


def test_records_that_share_a_sequence_number_are_parts_of_one_position() -> None:
    same = [record(payload, 7) for payload in (purchase("u1"), b"{", purchase("u2"))]
    [batch] = batches(same, Limits())
    assert [(one.at, one.part, one.event.user_id) for one in batch.events] == [(0, 0, "u1"), (2, 2, "u2")]
    assert [(one.at, one.part) for one in batch.poison] == [(1, 1)]
