"""Serve the app over HTTP on this machine, behind a gateway as on AWS."""

import errno
import logging
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalice.app import Chalice

from chalicelib.api.refusals import ERRORS
from realtime.local.front import Front, build_gateway
from realtime.local.gateway import Answer, Gateway
from realtime.local.invocation import describe_error
from realtime.local.ports import HOST, LocalError

STOP_SECONDS = 5.0
IDLE_SECONDS = 75.0
MAX_BODY = 10 * 1024 * 1024  # of API Gateway; the service itself refuses smaller bodies
MAX_DISCARDED = 10 * 1024 * 1024  # bytes of a refused request that are read and dropped
log = logging.getLogger(__name__)


@contextmanager
def serve(
    app: Chalice,
    port: int = 0,
    *,
    max_body: int = MAX_BODY,
    after_response: Callable[[], object] | None = None,
    front: Front = "rest",
) -> Iterator[str]:
    """Serve ``app`` on ``port`` (0: a free one) until the block ends; the value is its URL.

    ``after_response`` is called after each response has left, in the thread that served it. Requests that
    are running at the end are still answered.
    """
    try:
        server = _Server(build_gateway(app, front), port, max_body, after_response or (lambda: None))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise LocalError(
            f"port {port} is taken: stop the process that uses it, or choose another with PORT"
        ) from None
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="http", daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.stop()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, gateway: Gateway, port: int, max_body: int, after_response: Callable[[], object]
    ) -> None:
        self.gateway, self.max_body, self.after_response = gateway, max_body, after_response
        self._connections: set[Any] = set()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks up the name of this machine, which may be slow.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        super().shutdown_request(request)
        self._connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address
        error = sys.exception()
        if error and not isinstance(error, (ConnectionError, TimeoutError)):  # clients come and go
            log.error("request failed: %s", describe_error(error))

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RD)  # ends it now if it is idle, else after its answer
        deadline = time.monotonic() + STOP_SECONDS
        while self._connections and time.monotonic() < deadline:
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "realtime", ""
    disable_nagle_algorithm = True  # with it and delayed acknowledgements: 22 requests/s on a connection
    wbufsize = -1  # sends headers and body in one packet
    timeout = IDLE_SECONDS
    server: _Server

    def _serve(self) -> None:
        status = self._check_headers()
        if status:
            self._refuse(status)
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        if body is not None and len(body) < length:
            self.close_connection = True  # the client has closed the connection
            return
        self._send(self.server.gateway.answer(self.command, self.path, dict(self.headers), body))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _check_headers(self) -> int | None:
        """The error status of a request whose body is not read; None if the body can be read."""
        length = self.headers.get("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers:
            return 411
        if not (length.isascii() and length.isdecimal()):
            return 400
        return 413 if int(length) > self.server.max_body else None

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            for text in value if isinstance(value, list) else [value]:
                self.send_header(name, text)
        if answer.status >= 200 and answer.status not in {204, 304}:
            self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and answer.status not in {204, 304}:
            self.wfile.write(answer.body)
        self.wfile.flush()
        self.server.after_response()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server itself refuses, such as a malformed request line."""
        del message, explain  # they quote the request
        self.request_version = self.protocol_version
        # http.server answers an unknown method with 501.
        self._refuse(405 if code == 501 else code if code in ERRORS else 400)

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self._send(self.server.gateway.build_error(status, getattr(self, "path", "")))
        with suppress(OSError):  # closing now would lose the answer of a client that still sends
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(1.0)
            bytes_left = MAX_DISCARDED
            while bytes_left > 0 and (chunk := self.connection.recv(65_536)):
                bytes_left -= len(chunk)

    def log_message(self, format: str, *args: Any) -> None:
        """No request log: a path may hold a user id."""
