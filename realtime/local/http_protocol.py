"""HTTP as strict as a gateway's: what it refuses, is refused here before the app sees it.

llhttp, by httptools, refuses bad framing. The rest is checked here: what it accepts because other servers
have a use for it.
"""

import asyncio
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from realtime.local.limits import Limits

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
LINGER_SECONDS = 1.0
MAX_HEAD = 64 * 1024  # bytes of a request's line and headers, names included
_HOST = re.compile(rb"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_REQUEST_LINE = re.compile(rb"[A-Za-z-]+ [^ ]+ HTTP/1\.[01]\r\n")


class Refused(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class StrictProtocol(HttpToolsProtocol):
    """One connection. ``render`` makes the head and body of a refusal, from its status and the path."""

    def __init__(
        self, *args: Any, limits: Limits, render: Callable[[int, str], tuple[bytes, bytes]], **named: Any
    ) -> None:
        super().__init__(*args, **named)
        self._limits, self._render = limits, render
        self.access_log = False  # a path may hold a user id
        self._is_refused = False
        self._timer: asyncio.TimerHandle | None = None
        self._head = self._value_bytes = 0
        self.url = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """A client that sends no more still gets the answer to a whole request."""
        if self._is_answering():
            self.cycle.keep_alive = False
            return True
        return None

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = False  # answers in HTTP/1.1
        except httptools.HttpParserInvalidMethodError:
            self.refuse(405 if _REQUEST_LINE.match(data) else 400)
        except httptools.HttpParserError as error:
            cause = error.__context__
            self.refuse(cause.status if isinstance(cause, Refused) else 400)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = self._value_bytes = 0
        self._start_timer()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._limits.line:
            raise Refused(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._head += len(name) + len(value)
        self._value_bytes += len(value)
        if self._head > MAX_HEAD or len(self.url) + self._value_bytes > self._limits.head:
            raise Refused(431)

    def on_headers_complete(self) -> None:
        self._check_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_timer()
        super().on_message_complete()

    def _check_head(self) -> None:
        version, values = self.parser.get_http_version(), self._get_values
        if self.parser.get_method().decode() not in METHODS:
            raise Refused(405)
        if version not in ("1.0", "1.1") or not self.url.startswith(b"/") or b"#" in self.url:
            raise Refused(400)
        hosts, encodings, lengths = values(b"host"), values(b"transfer-encoding"), values(b"content-length")
        if len(hosts) > 1 or (version == "1.1" and not hosts) or any(not _HOST.fullmatch(h) for h in hosts):
            raise Refused(400)
        if encodings:
            is_plain = [value.lower() for value in encodings] == [b"chunked"] and version == "1.1"
            raise Refused(411 if is_plain and not lengths else 400)
        if lengths and int(lengths[0]) > self._limits.body:
            raise Refused(413)

    def refuse(self, status: int) -> None:
        """Answer with an error, and close. A request that is still being answered keeps its answer."""
        self._is_refused = True
        self._stop_timer()
        if self._is_answering():
            self.cycle.keep_alive = False
            return
        head, body = self._render(status, self.url.decode("ascii", "replace"))
        line = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nConnection: close\r\n".encode()
        line += b"Allow: GET, HEAD, OPTIONS, POST\r\n" if status == 405 else b""
        self.transport.write(line + head + b"\r\n" + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()  # closing now would lose the answer of a client that still sends
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _get_values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.headers if known == name]

    def _is_answering(self) -> bool:
        """Whether a whole request is not answered yet."""
        return bool(self.cycle and not self.cycle.response_complete and not self.cycle.more_body)

    def _start_timer(self) -> None:
        self._stop_timer()
        self._timer = self.loop.call_later(self._limits.receive_seconds, self._give_up)

    def _give_up(self) -> None:
        if self.pipeline:  # an answer now would be taken for another request's
            self.transport.close()
            return
        if self.cycle and self.cycle.more_body:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.refuse(408)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
