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

from chalicelib.domain.stream.aggregation import UndecodableRecord, join_parts, split_content, split_parts
from chalicelib.domain.stream.event import MAX_BYTES, Limits
from chalicelib.domain.stream.records import MAX_UNPACKED, Batch, read_batches
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
    with pytest.raises(UndecodableRecord) as caught:
        split_parts(content)
    return caught.value.refusal.code


def read(*payloads: object) -> Batch:
    [batch] = read_batches(kinesis(payloads)["Records"], Limits())
    return batch


def test_plain_data_is_one_part() -> None:
    assert split_parts(data(b'{"a":1}')) == [(None, b'{"a":1}')]
    assert split_parts("") == [(None, b"")]


@pytest.mark.parametrize("text", ["%%%", "YWJj\n", "YWJ", "YQ==YQ==", "é", "\ud800", None, 7, []])
def test_data_that_is_not_base64_is_refused(text: object) -> None:
    assert code(text) == "invalid_base64"


def of_size(size: int) -> bytes:
    """An event that has ``size`` bytes as JSON, gzip'd."""
    event = purchase(properties={"padding": ""})
    event["properties"]["padding"] = "0" * (size - len(orjson.dumps(event)))
    return gzip.compress(orjson.dumps(event))


def test_gzip_is_unpacked_in_one_or_many_members() -> None:
    text = orjson.dumps(purchase("u7"))
    batch = read(gzip.compress(text), gzip.compress(text[:9]) + gzip.compress(text[9:]))
    assert [(event.event.user_id, event.size) for event in batch.events] == [("u7", len(text))] * 2


def test_broken_gzip_is_refused_as_it_was_received() -> None:
    whole = gzip.compress(b'{"a":1}')
    broken = [whole[:-3], whole[:6] + b"\xff" * 20, whole + b"more"]
    refusals = [(poison.refusal.code, poison.payload) for poison in read(*broken).poison]
    assert refusals == [("invalid_gzip", received) for received in broken]


def test_a_bomb_is_refused_before_it_has_unpacked() -> None:
    bomb, half = gzip.compress(b"0" * (MAX_BYTES + 1)), gzip.compress(b"0" * (MAX_BYTES // 2 + 1))
    batch = read(bomb, half + half, of_size(MAX_BYTES))
    refusals = [(poison.refusal.code, poison.payload) for poison in batch.poison]
    assert refusals == [("too_large", bomb), ("too_large", half + half)]
    assert [event.size for event in batch.events] == [MAX_BYTES]


def test_a_batch_that_would_unpack_without_end_is_cut_short_and_the_rest_read_next() -> None:
    large, many = of_size(MAX_BYTES), MAX_UNPACKED // MAX_BYTES + 3
    event = kinesis([large] * many)
    [batch] = read_batches(event["Records"], Limits())
    done = len(batch.positions)
    assert done == MAX_UNPACKED // MAX_BYTES == len(batch.events)
    assert len(batch.sequence_numbers) == many
    [rest] = read_batches(event["Records"][done:], Limits())
    assert len(rest.positions) == many - done


def test_what_a_record_unpacks_to_is_bounded_whatever_comes_before_it() -> None:
    large, fit = of_size(MAX_BYTES), MAX_UNPACKED // MAX_BYTES
    for before in ([], [purchase()]):
        batch = read(*before, aggregated(*[("u", large)] * (fit + 2)))
        assert len(batch.events) == fit + len(before)
        assert [poison.refusal.code for poison in batch.poison] == ["too_large"] * 2


@given(st.lists(st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=50)), min_size=1, max_size=5))
def test_aggregated_records_are_read_as_the_library_writes_them(parts: list[tuple[str, bytes]]) -> None:
    assert split_parts(data(aggregated(*parts))) == parts


def test_parts_of_an_aggregate_may_be_gzipped_and_a_broken_one_spoils_no_other() -> None:
    good, broken = gzip.compress(orjson.dumps(purchase("u1"))), b"\x1f\x8bbroken"
    batch = read(aggregated(("a", good), ("b", broken), ("c", good)))
    assert [event.part for event in batch.events] == [0, 2]
    [poison] = batch.poison
    assert (poison.part, poison.partition_key, poison.payload) == (1, "b", broken)


@given(st.binary(max_size=60))
def test_a_message_that_is_no_aggregate_is_refused_and_never_crashes(message: bytes) -> None:
    digest = hashlib.md5(message, usedforsecurity=False).digest()
    with suppress(UndecodableRecord):
        split_parts(data(b"\xf3\x89\x9a\xc2" + message + digest))


def test_an_aggregate_with_a_wrong_checksum_is_refused() -> None:
    content = aggregated(("k", b"{}"))
    assert code(data(content[:-1] + bytes([content[-1] ^ 1]))) == "invalid_aggregate"
    assert code(data(b"\xf3\x89\x9a\xc2")) == "invalid_aggregate"


def test_parts_share_the_position_of_their_record() -> None:
    parts = [("u1", orjson.dumps(purchase("u1"))), ("u2", b"{"), ("u3", orjson.dumps(purchase("u3")))]
    batch = read(purchase(), aggregated(*parts))
    assert [(event.record_index, event.part, event.position) for event in batch.events] == [
        (0, 0, batch.positions[0]),
        (1, 0, batch.positions[1]),
        (1, 2, batch.positions[1]),
    ]
    [poison] = batch.poison
    assert (poison.record_index, poison.part, poison.partition_key, poison.payload) == (1, 1, "u2", b"{")


def test_poison_keeps_what_was_received() -> None:
    cut_off = zlib.compress(b"x" * 99, 6, 31)[:-1]
    batch = read(b'{"user_id": 7}', cut_off, "not base64!", "\ud800")
    assert [poison.payload for poison in batch.poison if poison.part == 0] == [
        b'{"user_id": 7}',
        cut_off,
        b"not base64!",
        b"\xed\xa0\x80",
    ]
    assert batch.events == []


def test_each_shard_of_each_stream_is_a_batch_of_its_own() -> None:
    mixed = [record(purchase(), 1), record(purchase(), 2, shard=1), record(purchase(), 3)]
    mixed.append(record(purchase(), 4) | {"eventSourceARN": "arn:aws:kinesis:us-east-1:0:stream/other"})
    sizes = {batch.shard: len(batch.events) for batch in read_batches(mixed, Limits())}
    assert sizes == {
        "events/shardId-000000000000": 2,
        "events/shardId-000000000001": 1,
        "other/shardId-000000000000": 1,
    }


def test_records_that_share_a_sequence_number_are_parts_of_one_position() -> None:
    same = [record(payload, 7) for payload in (purchase("u1"), b"{", purchase("u2"))]
    [batch] = read_batches(same, Limits())
    assert [(event.record_index, event.part, event.event.user_id) for event in batch.events] == [
        (0, 0, "u1"),
        (2, 2, "u2"),
    ]
    assert [(poison.record_index, poison.part) for poison in batch.poison] == [(1, 1)]


def test_more_than_ten_poison_parts_are_one_record_of_them_all() -> None:
    good, broken = orjson.dumps(purchase()), gzip.compress(b"x")[:-1]
    parts = [("u1", b""), ("u2", good), ("u3", broken), *[("u4", b"[]")] * 10]
    batch = read(aggregated(*parts))
    assert len(batch.events) == 1
    [joined] = batch.poison
    assert (joined.part, joined.partition_key, joined.refusal.code) == (0, "u1", "several")
    counts = "10 not_an_object, 1 empty, 1 invalid_gzip"
    assert joined.refusal.message == f"12 parts of the record were refused: {counts}."
    assert split_content(joined.payload) == [part for part in parts if part[0] != "u2"]
    assert read(joined.payload).poison[0].payload == joined.payload  # it comes back as it went


def test_ten_poison_parts_stay_apart() -> None:
    assert len(read(aggregated(*[("u1", b"")] * 10)).poison) == 10


@given(st.lists(st.tuples(st.text(max_size=200), st.binary(max_size=300)), min_size=1))
def test_parts_are_joined_as_the_library_of_producers_does(parts: list[tuple[str, bytes]]) -> None:
    joined = join_parts(parts)
    assert split_content(joined) == parts
    with suppress(AssertionError, ValueError):  # it refuses some keys, such as the empty one
        assert joined == aggregated(*parts)
