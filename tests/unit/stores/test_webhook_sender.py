"""Posts to real receivers on this machine: HTTP, TLS, and those that keep the caller waiting."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chalicelib.domain.webhooks import Unreachable
from chalicelib.stores.webhook_sender import WebhookSender
from realtime.local.ports import HOST
from tests.support.receiver import Receiver, run_receiver
from tests.support.tls import make_certificate

BODY, HEADERS = b'{"text": "\xc3\xa4"}', {"Content-Type": "application/json", "Realtime-Delivery": "d_1"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


@pytest.fixture
def sender() -> WebhookSender:
    return WebhookSender(is_local=True, seconds=5.0)


def test_the_body_arrives_as_it_is_with_its_headers(receiver: Receiver, sender: WebhookSender) -> None:
    assert sender.post(receiver.url, BODY, HEADERS) == 204
    [received] = receiver.received
    assert (received.path, received.body) == ("/hook?token=secret-token", BODY)
    assert received.headers["Host"] == f"{HOST}:{receiver.port}"
    assert HEADERS.items() <= received.headers.items()


@pytest.mark.parametrize("status", [200, 404, 500])
def test_the_status_is_answered(receiver: Receiver, sender: WebhookSender, status: int) -> None:
    receiver.statuses = [status]
    assert sender.post(receiver.url, BODY, HEADERS) == status


def test_no_redirect_is_followed(receiver: Receiver, sender: WebhookSender) -> None:
    receiver.statuses, receiver.redirect = [307], f"http://{HOST}:{receiver.port}/other"
    assert sender.post(receiver.url, BODY, HEADERS) == 307
    assert len(receiver.received) == 1


def test_no_proxy_is_asked(
    receiver: Receiver, sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{HOST}:9")
    assert sender.post(receiver.url, BODY, HEADERS) == 204


def test_a_certificate_for_the_name_of_the_host_is_required(tmp_path: Path, sender: WebhookSender) -> None:
    make_certificate(tmp_path)
    trusting = WebhookSender(is_local=True, certificates=str(tmp_path / "cert.pem"))
    with run_receiver(tmp_path) as receiver:
        assert trusting.post(f"https://localhost:{receiver.port}/x", BODY, HEADERS) == 204
        with pytest.raises(Unreachable, match=r"certificate: .*self-signed"):
            sender.post(f"https://localhost:{receiver.port}/x", BODY, HEADERS)
        with pytest.raises(Unreachable, match=r"certificate: .*mismatch"):
            trusting.post(f"https://{HOST}:{receiver.port}/x", BODY, HEADERS)
    assert [received.path for received in receiver.received] == ["/x"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_of_this_machine_is_refused_on_aws(receiver: Receiver, scheme: str) -> None:
    sender = WebhookSender(is_local=False)
    for host in (HOST, "localhost", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):  # noqa: S104
        with pytest.raises(Unreachable, match="not on the Internet"):
            sender.post(f"{scheme}://{host}:{receiver.port}/", BODY, HEADERS)
    assert receiver.received == []


def test_http_leads_nowhere_else_on_the_local_stack(sender: WebhookSender) -> None:
    with pytest.raises(Unreachable, match="http is for this machine only"):
        sender.resolve("http://192.0.2.1/")
    assert sender.resolve("https://192.0.2.1/") == ("192.0.2.1", 443)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "017700000001"])
def test_other_ways_to_write_an_address_are_refused_too(receiver: Receiver, host: str) -> None:
    with pytest.raises(Unreachable, match=r"not on the Internet|cannot be resolved"):
        WebhookSender(is_local=False).post(f"http://{host}:{receiver.port}/", BODY, HEADERS)
    assert receiver.received == []


def test_a_name_without_an_address_is_said(sender: WebhookSender) -> None:
    with pytest.raises(Unreachable, match="cannot be resolved"):
        sender.post("https://nothing.invalid/", BODY, HEADERS)


@contextmanager
def run_bytes(*pieces: bytes, pause: float = 0.0) -> Iterator[str]:
    """The URL of a server that answers each piece after a pause, whatever it is asked, and then closes."""
    stopped = threading.Event()

    def serve() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                with suppress(OSError), client:
                    for piece in pieces:
                        stopped.wait(pause)
                        client.sendall(piece)

    with socket.create_server((HOST, 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://{HOST}:{listening.getsockname()[1]}/"
        stopped.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_a_receiver_that_answers_a_byte_at_a_time_is_given_up() -> None:
    sender = WebhookSender(is_local=True, seconds=0.3)
    slow = [b"HTTP/1.1 200 OK\r\n", *([b"X: y\r\n"] * 80)]
    with (
        run_bytes(*slow, pause=0.1) as url,
        pytest.raises(Unreachable, match="timed out"),
    ):
        sender.post(url, BODY, HEADERS)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_receiver_that_never_answers_is_given_up(scheme: str) -> None:
    sender = WebhookSender(is_local=True, seconds=0.2)
    with socket.create_server((HOST, 0)) as silent:
        url = f"{scheme}://{HOST}:{silent.getsockname()[1]}/"
        with pytest.raises(Unreachable, match="timed out"):
            sender.post(url, BODY, HEADERS)


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X" * 70_000])
def test_what_is_no_http_is_no_answer(sender: WebhookSender, answer: bytes) -> None:
    with run_bytes(answer) as url, pytest.raises(Unreachable, match="no answer"):
        sender.post(url, BODY, HEADERS)


def test_nobody_listens(sender: WebhookSender) -> None:
    with socket.create_server((HOST, 0)) as free:
        url = f"http://{HOST}:{free.getsockname()[1]}/secret-path"
    with pytest.raises(Unreachable, match="ConnectionRefusedError") as caught:
        sender.post(url, BODY, HEADERS)
    assert "secret" not in str(caught.value)
