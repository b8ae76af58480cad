import gc
import io
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from pg8000.exceptions import InterfaceError

from chalicelib.stores.postgres_connection import ClosingConnection
from realtime.local.ports import HOST

AUTHENTICATED_AND_READY = bytes.fromhex("52 00000008 00000000  5a 00000005 49")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as listening:
        yield listening


def answer(server: socket.socket, answers: list[bytes]) -> threading.Thread:
    """Reads a message for each of ``answers``, and answers it. Then it hangs up, so that each write fails."""

    def serve() -> None:
        client, _ = server.accept()
        for each in answers:
            client.recv(1000)
            client.sendall(each)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


def connect(server: socket.socket) -> ClosingConnection:
    return ClosingConnection("u", HOST, "d", server.getsockname()[1], ssl_context=False, timeout=10)


def buffered_files() -> list[io.BufferedRWPair]:
    """All that are open, also those that only an exception keeps."""
    return [each for each in gc.get_objects() if isinstance(each, io.BufferedRWPair) and not each.closed]


def list_new(before: list[io.BufferedRWPair]) -> list[io.BufferedRWPair]:
    """Others may have been closed meanwhile."""
    return [each for each in buffered_files() if not any(each is known for known in before)]


def test_a_connection_that_broke_leaves_no_open_file(server: socket.socket) -> None:
    before = buffered_files()
    thread = answer(server, [AUTHENTICATED_AND_READY, b""])
    connection = connect(server)
    assert len(list_new(before)) == 1
    with pytest.raises((InterfaceError, OSError)) as broken:
        connection.run("SELECT 1")
    thread.join()
    with suppress(InterfaceError):
        connection.close()
    assert not list_new(before)
    del broken  # until here its traceback kept the file


@pytest.mark.parametrize("answers", [[], [b""]], ids=["at once", "after the first message"])
def test_a_connection_that_did_not_start_leaves_no_open_file(
    server: socket.socket, answers: list[bytes]
) -> None:
    before = buffered_files()
    thread = answer(server, answers)
    with pytest.raises((InterfaceError, OSError)) as broken:
        connect(server)
    thread.join()
    assert not list_new(before)
    del broken
