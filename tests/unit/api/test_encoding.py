"""Bodies with Content-Encoding, in the shapes in which gateways and servers hand them on."""

import base64
import gzip
import time
import zlib
from contextlib import suppress
from typing import Any

import pytest
from chalice.app import Request
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.encoding import UnsupportedEncoding, read_body
from chalicelib.api.http import get_status
from chalicelib.domain.errors import InvalidInput, TooLarge

LIMIT = 256 * 1024
BODY = b'{"user_id": "\xc3\xbc"}'
GZIP = gzip.compress(BODY)


def deflate_raw(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


def make_request(body: str | bytes | None, encoding: str | None, **event: Any) -> Request:
    """An event of API Gateway's Lambda proxy integration, with what the tests need of it."""
    return Request(
        {
            "resource": "/events",
            "path": "/events",
            "httpMethod": "POST",
            "headers": {"Content-Type": "application/json"}
            | ({"Content-Encoding": encoding} if encoding is not None else {}),
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "requestContext": {"resourcePath": "/events", "httpMethod": "POST", "stage": "api"},
            "body": body,
            "isBase64Encoded": False,
            **event,
        }
    )


def read(body: str | bytes | None, encoding: str | None, **event: Any) -> bytes:
    return read_body(make_request(body, encoding, **event), LIMIT)


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (GZIP, "gzip"),
        (GZIP, "GZip"),
        (GZIP, " x-gzip "),
        (GZIP, "gzip, identity"),
        (zlib.compress(BODY), "deflate"),
        (deflate_raw(BODY), "Deflate"),
        (BODY, "identity"),
        (BODY, ""),
        (BODY, None),
    ],
)
def test_a_body_is_unpacked_as_its_header_says(packed: bytes, encoding: str | None) -> None:
    """Bytes, as the local server and `chalice local` give them; base64, where the type is binary."""
    assert read(packed, encoding) == BODY
    assert read(base64.b64encode(packed).decode(), encoding, isBase64Encoded=True) == BODY


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_api_gateway_has_unpacked_the_body_and_left_the_header(encoding: str) -> None:
    assert read(BODY.decode(), encoding) == BODY


def test_a_gateway_that_spoils_compressed_bytes_is_noticed() -> None:
    with pytest.raises(InvalidInput, match="The body is not gzip"):
        read(GZIP.decode("utf-8", "replace"), "gzip")


@pytest.mark.parametrize("body", [None, b"", ""])
def test_an_empty_body_stays_empty(body: str | bytes | None) -> None:
    assert read(body, "gzip") == b""


def test_all_members_of_gzip_are_unpacked() -> None:
    assert read(gzip.compress(BODY[:5]) + gzip.compress(b"") + gzip.compress(BODY[5:]), "gzip") == BODY


@pytest.mark.parametrize(
    ("packed", "encoding", "message"),
    [
        (GZIP[:-1], "gzip", "is cut off"),
        (GZIP[:12], "gzip", "is cut off"),
        (GZIP[:1], "gzip", "is not gzip|is cut off"),
        (GZIP + b"garbage", "gzip", "other bytes after it"),
        (GZIP + GZIP[:12], "gzip", "is cut off"),
        (GZIP[:-6] + b"\0" * 6, "gzip", "is not gzip"),
        (BODY, "gzip", "is not gzip"),
        (GZIP, "deflate", "is not deflate"),
        (zlib.compress(BODY), "gzip", "is not gzip"),
        (zlib.compress(BODY)[:-1], "deflate", "is cut off"),
        (zlib.compress(BODY) + b"x", "deflate", "other bytes after it"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(packed: bytes, encoding: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        read(packed, encoding)
    assert (refused.value.code, refused.value.details[0].path) == ("invalid_encoding", "body")


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, br", "gzip, gzip", "utf-8"])
def test_another_encoding_is_refused_with_those_that_are_accepted(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding) as refused:
        read(GZIP, encoding)
    assert refused.value.message == (
        f"The header Content-Encoding must be one of gzip, deflate, identity, not {encoding}."
    )
    assert get_status(refused.value) == 415


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_the_limit_is_that_of_the_unpacked_body(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    assert len(read(pack(b"x" * LIMIT), encoding)) == LIMIT
    with pytest.raises(TooLarge, match=f"unpacks to more than {LIMIT} bytes"):
        read(pack(b"x" * (LIMIT + 1)), encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused_unopened(encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = pack(b"\0" * 50_000_000, 9)
    assert len(bomb) < LIMIT
    start = time.process_time()
    with pytest.raises(TooLarge):
        read(bomb, encoding)
    assert time.process_time() - start < 0.1


def test_many_members_take_linear_time() -> None:
    start = time.process_time()
    assert read(gzip.compress(b"") * 10_000, "gzip") == b""
    assert time.process_time() - start < 2


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_unpacked_or_refused(body: bytes, encoding: str) -> None:
    with suppress(InvalidInput):
        read(body, encoding)
