"""What the local server refuses, as a gateway does: in the shape of the API, and without reading on."""

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from chalicelib import deadline
from realtime.local.front import FRONTS, Front
from realtime.local.limits import Limits
from realtime.local.ports import HOST
from realtime.local.server import serve
from tests.support.http_app import build_http_app

HOST_LINE = b"Host: x\r\n"
POST = b"POST /echo/a HTTP/1.1\r\n" + HOST_LINE
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serve(build_http_app(), limits=Limits(body=1000)) as url:
        yield urlsplit(url).port or 0


def send(port: int, *parts: bytes) -> bytes:
    """All that the server answers until it closes the connection."""
    with socket.create_connection((HOST, port), timeout=5) as connection:
        for part in parts:
            connection.sendall(part)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def read_statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def assert_refused(answer: bytes, status: int) -> None:
    """One answer, in the shape of the API; nothing after it was taken for a second request."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert read_statuses(answer) == [status]
    assert set(json.loads(body)["error"]) == {"code", "message", "details"}
    assert b"connection: close" in head.lower()


SMUGGLED = b"GET /echo/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
FRAMING = {
    "length and encoding": (b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "encoding and length": (CHUNKED + b"Content-Length: 4\r\n\r\n0\r\n\r\n", 400),
    "the same length twice": (b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "two lengths": (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400),
    "a list of lengths": (b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a length with a sign": (b"Content-Length: +2\r\n\r\n{}", 400),
    "a negative length": (b"Content-Length: -1\r\n\r\n{}", 400),
    "a hexadecimal length": (b"Content-Length: 0x2\r\n\r\n{}", 400),
    "a length with an underscore": (b"Content-Length: 0_2\r\n\r\n{}", 400),
    "an empty length": (b"Content-Length: \r\n\r\n{}", 400),
    "a fullwidth length": ("Content-Length: \uff12\r\n\r\n{}".encode(), 400),
    "a length over 64 bits": (b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}", 400),
    "a length over the limit": (b"Content-Length: 1001\r\n\r\n{}", 413),
    "a space before the colon": (b"Content-Length : 2\r\n\r\n{}", 400),
    "a chunked body": (CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n", 411),
    "a chunk that is no number": (CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n", 411),
    "a negative chunk": (CHUNKED + b"\r\n-1\r\n{}\r\n0\r\n\r\n", 411),
    "an unknown encoding": (b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "two encodings": (b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    "encodings in two lines": (CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400),
    "a folded header": (b"X-A: 1\r\n b\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a folded length": (b"Content-Length:\r\n 2\r\n\r\n{}", 400),
    "a bare CR": (b"X: a\rContent-Length: 5\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a bare LF": (b"X: a\nContent-Length: 2\r\n\r\n{}", 400),
    "a NUL": (b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a header without a name": (b": a\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a header without a colon": (b"X\r\nContent-Length: 2\r\n\r\n{}", 400),
}


@pytest.mark.parametrize(("rest", "status"), FRAMING.values(), ids=FRAMING)
def test_framing_that_can_be_read_in_two_ways_is_refused(port: int, rest: bytes, status: int) -> None:
    assert_refused(send(port, POST + rest + SMUGGLED), status)


LINES = {
    "no host": (b"GET /echo/a HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /echo/a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
    "an empty host": (b"GET /echo/a HTTP/1.1\r\nHost: \r\n\r\n", 400),
    "a host with a path": (b"GET /echo/a HTTP/1.1\r\nHost: x/y\r\n\r\n", 400),
    "a host with a user": (b"GET /echo/a HTTP/1.1\r\nHost: a@x\r\n\r\n", 400),
    "a list of hosts": (b"GET /echo/a HTTP/1.1\r\nHost: x, y\r\n\r\n", 400),
    "a fragment": (b"GET /echo/a#b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a fragment in the query": (b"GET /echo/a?b=1#c HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "another server's URL": (b"GET http://y/echo/a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no path": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a space in the path": (b"GET /echo/a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "bytes outside of ASCII": (b"GET /echo/\xc3\xa4 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a control character": (b"GET /echo/\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "no version": (b"GET /echo/a\r\n\r\n", 400),
    "HTTP/2 without TLS": (b"GET /echo/a HTTP/2.0\r\nHost: x\r\n\r\n", 400),
    "no HTTP": (b"nonsense\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "lines that end with LF": (b"GET /echo/a HTTP/1.1\nHost: x\n\n", 400),
    "TRACE": (b"TRACE /echo/a HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "CONNECT": (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "a method of WebDAV": (b"PROPFIND /echo/a HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "an unknown method": (b"BREW /echo/a HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "a method in small letters": (b"get /echo/a HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    "a long URL": (b"GET /echo/" + b"a" * 10_300 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a URL longer than a read": (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n", 414),
    "a large header": (b"GET /echo/a HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 10_300 + b"\r\n\r\n", 431),
    "many headers": (b"GET /echo/a HTTP/1.1\r\nHost: x\r\n" + b"X: aaaa\r\n" * 3000 + b"\r\n", 431),
    "names without values": (b"GET /echo/a HTTP/1.1\r\nHost: x\r\n" + b"X:\r\n" * 70_000 + b"\r\n", 431),
    "an encoding in HTTP/1.0": (b"POST /echo/a HTTP/1.0\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400),
}


@pytest.mark.parametrize(("request_bytes", "status"), LINES.values(), ids=LINES)
def test_what_is_no_proper_request_is_refused(port: int, request_bytes: bytes, status: int) -> None:
    assert_refused(send(port, request_bytes), status)


@pytest.mark.parametrize("front", FRONTS)
def test_every_front_is_as_strict(front: Front) -> None:
    with serve(build_http_app(), front=front) as url:
        port = urlsplit(url).port or 0
        assert_refused(send(port, POST + FRAMING["length and encoding"][0]), 400)
        assert_refused(send(port, LINES["TRACE"][0]), 405)
        assert_refused(send(port, LINES["two hosts"][0]), 400)


def test_a_load_balancer_takes_longer_urls_and_more_headers() -> None:
    with serve(build_http_app(), front="alb") as url:
        port = urlsplit(url).port or 0
        assert_refused(send(port, b"GET /" + b"a" * 16_400 + b" HTTP/1.1\r\nHost: x\r\n\r\n"), 414)
        large = b"GET /nowhere HTTP/1.0\r\nX: " + b"a" * 30_000 + b"\r\n\r\n"
        assert read_statuses(send(port, large)) != [431]


def test_what_only_looks_odd_is_answered(port: int) -> None:
    for request in (
        b"GET /echo/a HTTP/1.0\r\n\r\n",
        b"GET /echo/%23 HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: close\r\n\r\n",
        b"GET /echo/a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        POST + b"Expect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
    ):
        assert read_statuses(send(port, request))[-1] == 200


def test_requests_in_one_packet_are_answered_in_their_order(port: int) -> None:
    requests = [b"GET /echo/%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(5)]
    answer = send(port, b"".join(requests) + b"GET /echo/5 HTTP/1.0\r\n\r\n")
    assert read_statuses(answer) == [200] * 6
    assert [part[:1] for part in answer.split(b'"name":"')[1:]] == [b"0", b"1", b"2", b"3", b"4", b"5"]


def test_a_refusal_takes_no_other_requests_answer(port: int) -> None:
    """What follows a request that is still being answered must not be answered first."""
    answer = send(port, b"GET /echo/first HTTP/1.1\r\nHost: x\r\n\r\n" + b"TRACE / HTTP/1.1\r\n\r\n")
    assert read_statuses(answer) == [200]
    assert b"first" in answer


def test_a_client_that_has_sent_all_may_close_its_half(port: int) -> None:
    with socket.create_connection((HOST, port), timeout=5) as connection:
        connection.sendall(POST + b"Content-Length: 2\r\n\r\n{}")
        connection.shutdown(socket.SHUT_WR)
        assert read_statuses(b"".join(iter(lambda: connection.recv(65_536), b""))) == [200]


@pytest.mark.parametrize(
    "begun",
    [b"", b"GET /echo/a HTTP/1.1\r\nHost:", POST + b"Content-Length: 9\r\n\r\n{}"],
    ids=["nothing", "half a head", "half a body"],
)
def test_a_request_that_does_not_arrive_is_given_up(begun: bytes) -> None:
    with serve(build_http_app(), limits=Limits(receive_seconds=0.2)) as url:
        assert_refused(send(urlsplit(url).port or 0, begun), 408)


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        (Limits(function_seconds=0.2), 502, "internal_error"),
        (Limits(gateway_seconds=0.2), 504, "timeout"),
    ],
)
def test_an_answer_that_takes_too_long_is_given_up(limits: Limits, status: int, code: str) -> None:
    app, leave = build_http_app(), threading.Event()

    @app.route("/slow")
    def slow() -> str:
        leave.wait(5)
        return "done"

    with serve(app, limits=limits) as url:
        client = http.client.HTTPConnection(HOST, urlsplit(url).port or 0, timeout=5)
        client.request("GET", "/slow")
        response = client.getresponse()
        assert (response.status, json.loads(response.read())["error"]["code"]) == (status, code)
        leave.set()
        client.request("GET", "/echo/a")
        assert client.getresponse().status == 200  # on the same connection
        client.close()


def test_a_view_has_the_deadline_of_the_functions() -> None:
    app = build_http_app()
    app.route("/deadline")(lambda: str(deadline.get_remaining()))
    with serve(app) as url:
        client = http.client.HTTPConnection(HOST, urlsplit(url).port or 0, timeout=5)
        client.request("GET", "/deadline")
        assert 0 < float(client.getresponse().read()) <= deadline.ONLINE_SECONDS
        client.close()


def test_an_answer_that_lambda_cannot_return_is_an_error() -> None:
    app = build_http_app()
    app.route("/large")(lambda: "x" * 700)
    app.route("/quoted")(lambda: '"' * 600)
    app.route("/small")(lambda: "x" * 600)
    with serve(app, limits=Limits(answer=700)) as url:
        port = urlsplit(url).port or 0
        for path, status in ((b"/large", 502), (b"/quoted", 502), (b"/small", 200)):
            assert read_statuses(send(port, b"GET " + path + b" HTTP/1.0\r\n\r\n")) == [status]


def test_refused_connections_are_closed_though_their_clients_do_not(port: int) -> None:
    for connection in [socket.create_connection((HOST, port), timeout=5) for _ in range(20)]:
        with connection:
            connection.sendall(b"nonsense\r\n\r\n")
            assert b"".join(iter(lambda: connection.recv(65_536), b""))  # noqa: B023 - called here
