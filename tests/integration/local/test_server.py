"""The local HTTP server, over real sockets."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from realtime.local.limits import Limits
from realtime.local.ports import HOST, LocalError
from realtime.local.server import serve
from tests.support.http_app import build_http_app
from tests.support.poll import wait_until

LIMIT = 1000


@pytest.fixture
def port() -> Iterator[int]:
    with serve(build_http_app(), limits=Limits(body=LIMIT)) as url:
        yield urlsplit(url).port or 0


@pytest.fixture
def client(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    yield connection
    connection.close()


def ask(
    client: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    client.request(method, path, body, headers)
    response = client.getresponse()
    return response, response.read()


def test_a_connection_is_kept_for_the_next_request(client: http.client.HTTPConnection) -> None:
    ask(client, "GET", "/echo/a")
    connection = client.sock
    for _ in range(3):
        ask(client, "GET", "/echo/a")
    assert client.sock is connection is not None


def test_small_answers_leave_at_once(client: http.client.HTTPConnection) -> None:
    """With Nagle's algorithm each would wait 40 ms for an acknowledgement."""
    start = time.monotonic()
    for _ in range(100):
        assert ask(client, "GET", "/echo/a")[0].status == 200
    assert time.monotonic() - start < 3


def test_head_has_the_length_of_get_and_no_body(client: http.client.HTTPConnection) -> None:
    _, body = ask(client, "GET", "/echo/a")
    head, nothing = ask(client, "HEAD", "/echo/a")
    assert (head.status, nothing) == (200, b"")
    assert head.headers["Content-Length"] == str(len(body))
    assert ask(client, "GET", "/echo/a")[0].status == 200


def test_an_unchanged_answer_has_no_body(client: http.client.HTTPConnection) -> None:
    response, body = ask(client, "GET", "/unchanged")
    assert (response.status, response.headers["ETag"], body) == (304, '"1"', b"")
    assert ask(client, "GET", "/echo/a")[0].status == 200


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 200), (LIMIT + 1, 413), (3_000_000, 413)])
def test_a_body_over_the_limit_is_refused_and_the_client_sees_it(
    client: http.client.HTTPConnection, size: int, status: int
) -> None:
    response, body = ask(client, "POST", "/echo/a", b"x" * size, **{"Content-Type": "application/json"})
    assert response.status == status
    assert json.loads(body).get("size") == size or json.loads(body)["error"]["code"] == "too_large"


def test_concurrent_requests_are_not_mixed_up(port: int) -> None:
    def names(number: int) -> bool:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        answers = [json.loads(ask(connection, "GET", f"/echo/{number}")[1])["name"] for _ in range(50)]
        connection.close()
        return set(answers) == {str(number)}

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(names, range(8)))


def test_a_client_that_leaves_early_does_no_harm(port: int, client: http.client.HTTPConnection) -> None:
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(b"POST /echo/a HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
    assert ask(client, "GET", "/echo/a")[0].status == 200


def test_the_hook_runs_after_the_response_has_left() -> None:
    received, ran = threading.Event(), threading.Event()

    def hook() -> None:
        if received.wait(5):  # the client has its answer although the hook has not ended
            ran.set()

    with serve(build_http_app(), after_response=hook) as url:
        client = http.client.HTTPConnection(HOST, urlsplit(url).port or 0, timeout=5)
        assert ask(client, "GET", "/echo/a")[0].status == 200
        received.set()
        wait_until(ran.is_set)
        client.close()


def test_a_taken_port_is_one_line(port: int) -> None:
    with pytest.raises(LocalError, match=f"^port {port} is taken.*$"), serve(build_http_app(), port):
        pass


def test_a_stop_answers_what_was_asked_and_closes_idle_connections() -> None:
    answering, leave = threading.Event(), threading.Event()
    app = build_http_app()

    @app.route("/slow")
    def slow() -> str:
        answering.set()
        leave.wait(5)
        return "done"

    with ThreadPoolExecutor(1) as threads:
        with serve(app) as url:
            port = urlsplit(url).port or 0
            idle = http.client.HTTPConnection(HOST, port, timeout=5)
            assert ask(idle, "GET", "/echo/a")[0].status == 200
            busy = http.client.HTTPConnection(HOST, port, timeout=5)
            answer = threads.submit(ask, busy, "GET", "/slow")
            assert answering.wait(5)
            threading.Timer(0.1, leave.set).start()
        response, body = answer.result()
        assert (response.status, body) == (200, b"done")
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            ask(idle, "GET", "/echo/a")
        busy.close()
        idle.close()
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0
