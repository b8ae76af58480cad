"""Serve the app over HTTP on this machine, behind a gateway as on AWS."""

import asyncio
import errno
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

import uvicorn
from chalice.app import Chalice

from realtime.local.front import Front, build_gateway
from realtime.local.gateway import Answer, Gateway
from realtime.local.http_protocol import StrictProtocol
from realtime.local.invocation import describe_error
from realtime.local.limits import Limits, get_limits
from realtime.local.ports import HOST, LocalError

START_SECONDS = 10
STOP_SECONDS = 5
BACKLOG = 256
THREADS = 64
"""Requests that are answered at the same time; a container of Lambda answers one."""
log = logging.getLogger(__name__)


@contextmanager
def serve(
    app: Chalice,
    port: int = 0,
    *,
    limits: Limits | None = None,
    after_response: Callable[[], object] | None = None,
    front: Front = "rest",
    listening: socket.socket | None = None,
) -> Iterator[str]:
    """Serve ``app`` on ``port`` (0: a free one) until the block ends; the value is its URL.

    ``after_response`` is called after each response has left, in another thread. Requests that are running at
    the end are still answered. ``listening`` is a bound socket that other processes may serve, too.
    """
    listening = listening or bind(port)
    port = listening.getsockname()[1]
    limits = limits or get_limits(front)
    threads = ThreadPoolExecutor(THREADS, "http")
    server = _Server(_Endpoint(build_gateway(app, front), limits, threads, after_response), limits)
    serving = threading.Thread(target=server.run, args=([listening],), name="http", daemon=True)
    serving.start()
    try:
        server.wait_until_started()
        yield f"http://{HOST}:{port}"
    finally:
        server.stop()
        serving.join(STOP_SECONDS + 1)
        threads.shutdown(wait=False, cancel_futures=True)


def bind(port: int = 0) -> socket.socket:
    """A socket that listens on ``port`` (0: a free one). LocalError if another process does."""
    # asyncio switches Nagle's algorithm off only where the protocol is named: with it and delayed
    # acknowledgements a connection has 22 requests a second.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(BACKLOG)  # from here on a client can connect, though nobody accepts yet
    except OSError as error:
        listening.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise LocalError(
            f"port {port} is taken: stop the process that uses it, or choose another with PORT"
        ) from None
    return listening


class _Server(uvicorn.Server):
    """uvicorn in a thread of its own."""

    def __init__(self, endpoint: "_Endpoint", limits: Limits) -> None:
        protocol = partial(StrictProtocol, limits=limits, render=endpoint.render_refusal)
        super().__init__(
            uvicorn.Config(
                endpoint,
                http=protocol,  # type: ignore[arg-type] # it is called as a class is
                ws="none",
                loop="asyncio",
                interface="asgi3",
                lifespan="off",
                log_config=None,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=limits.idle_seconds,
                timeout_graceful_shutdown=STOP_SECONDS,
            )
        )
        self._has_started = threading.Event()
        self._is_stopping = asyncio.Event()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._has_started.set()
        while not self._is_stopping.is_set():
            await self.on_tick(0)  # renews the header Date
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_stopping.wait(), 1.0)

    def wait_until_started(self) -> None:
        if not self._has_started.wait(START_SECONDS):
            raise LocalError(f"the HTTP server did not start within {START_SECONDS} seconds")

    def stop(self) -> None:
        """Stop when what runs is answered; uvicorn itself would take a tenth of a second to notice."""
        if self._has_started.is_set():
            self._loop.call_soon_threadsafe(self._is_stopping.set)


class _Endpoint:
    """The ASGI application: one request in, the gateway's answer out."""

    def __init__(
        self,
        gateway: Gateway,
        limits: Limits,
        threads: ThreadPoolExecutor,
        after_response: Callable[[], object] | None,
    ) -> None:
        self._gateway, self._limits = gateway, limits
        self._threads, self._after_response = threads, after_response

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"]
        path = (scope["raw_path"] + (b"?" + query if query else b"")).decode()
        body = await _read_body(receive)
        if body is None:
            return  # the client has closed the connection
        answer = await self._answer(scope, path, body)
        await send({"type": "http.response.start", "status": answer.status, "headers": _encode(answer)})
        await send({"type": "http.response.body", "body": answer.body})
        if self._after_response:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._after_response)

    async def _answer(self, scope: Any, path: str, body: bytes) -> Answer:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request = scope["method"], path, headers, body or None
        answering = asyncio.get_running_loop().run_in_executor(self._threads, self._call_function, *request)
        # Who gives up first: Lambda, whose error the gateway answers with 502, or the gateway.
        function_seconds = self._limits.get_function_seconds(path)
        seconds, status = min((function_seconds, 502), (self._limits.gateway_seconds, 504))
        try:
            async with asyncio.timeout(seconds):
                return await answering
        except TimeoutError:
            return self._gateway.build_error(status, path)

    def _call_function(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Answer:
        try:
            answer = self._gateway.answer(method, path, headers, body)
        except Exception as error:  # noqa: BLE001 - a function that fails is a 502, whatever it raised
            log.error("%s: %s", method, describe_error(error))  # noqa: TRY400 - no user's data
            return self._gateway.build_error(502, path)
        is_small = 2 * len(answer.body) < self._limits.answer
        if is_small or len(json.dumps(answer.body.decode(errors="replace"))) < self._limits.answer:
            return answer
        return self._gateway.build_error(502, path)

    def render_refusal(self, status: int, path: str) -> tuple[bytes, bytes]:
        answer = self._gateway.build_error(status, path)
        return b"".join(b"%b: %b\r\n" % pair for pair in _encode(answer)), answer.body


async def _read_body(receive: Any) -> bytes | None:
    """None if the client leaves before it has sent all."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


def _encode(answer: Answer) -> list[tuple[bytes, bytes]]:
    pairs = [
        (name, text)
        for name, value in answer.headers.items()
        for text in (value if isinstance(value, list) else [value])
    ]
    if answer.status not in (204, 304):
        pairs.append(("Content-Length", str(len(answer.body))))
    return [(name.encode("latin-1"), text.encode("latin-1")) for name, text in pairs]
