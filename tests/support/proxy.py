"""An HTTP proxy in front of the emulator that injects faults into calls.

``decide`` names the fault of each call (`FAULTS`), or an empty text for none.
"""

import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

FAULTS = (
    "throttled",  # refused
    "failed",  # a 500, without effect
    "failed after",  # a 500 after it took effect
    "dropped",  # the connection is closed before it reaches AWS
    "answer lost",  # … after it took effect
    "hanging",  # it takes effect, and its answer comes after the client's timeout
    "late",  # no answer comes, and it takes effect after the client's timeout
    "slow",
    "partly done",  # a batch call that answers 200 and did nothing
    "killed before",  # the calling process dies before the call reaches AWS
    "killed after",  # … when it has taken effect
)
HANG_SECONDS = 0.2
"""Seconds; longer than the timeout of the clients."""


class Call(NamedTuple):
    operation: str  # such as DynamoDB_20120810.UpdateItem or PUT /bucket/key
    head: bytes
    body: bytes


class FaultProxy:
    """A context manager. Set ``decide`` and ``kill`` before each schedule, and call `settle` after it."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.decide: Callable[[Call], str] = lambda call: ""
        self.kill: Callable[[], object] = lambda: None
        self.connections = 0  # that are open
        self._late_calls: list[threading.Thread] = []
        counting = threading.Lock()
        proxy = self

        class Connection(socketserver.StreamRequestHandler):
            disable_nagle_algorithm = True

            def handle(self) -> None:
                with counting:
                    proxy.connections += 1
                with suppress(OSError):
                    proxy._serve(self.rfile, self.wfile)
                with counting:
                    proxy.connections -= 1

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 64

        self._server = Server(("127.0.0.1", 0), Connection)
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def settle(self) -> None:
        """Inject no more faults, and return when every late call has taken effect."""
        self.decide = lambda call: ""
        while self._late_calls:
            self._late_calls.pop().join()

    def _serve(self, client: Any, answers: Any) -> None:
        upstream = socket.create_connection(("127.0.0.1", self.upstream))
        with upstream, upstream.makefile("rwb") as aws:
            while request := _read_message(client, answers):
                call = Call(_parse_operation(request[0]), *request)
                fault = self.decide(call)
                answer = self._answer(call, fault, aws)
                if answer is None:
                    return
                answers.write(answer)
                answers.flush()

    def _answer(self, call: Call, fault: str, aws: Any) -> bytes | None:
        """None closes the connection."""
        if fault in ("throttled", "failed"):
            return _build_error(call, throttled=fault == "throttled")
        if fault == "partly done" and (answer := _build_unprocessed(call)):
            return answer
        if fault == "killed before":
            self.kill()
        if fault in ("dropped", "killed before"):
            return None
        if fault == "late":
            self._late_calls.append(threading.Thread(target=self._forward_late, args=(call,), daemon=True))
            self._late_calls[-1].start()
            time.sleep(HANG_SECONDS)
            return None
        if fault == "slow":
            time.sleep(0.02)
        answer = _forward(call, aws)
        if fault == "killed after":
            self.kill()
        if fault == "hanging":
            time.sleep(HANG_SECONDS)
        if fault in ("answer lost", "killed after", "hanging"):
            return None
        return _build_error(call, throttled=False) if fault == "failed after" else answer

    def _forward_late(self, call: Call) -> None:
        time.sleep(HANG_SECONDS * 1.5)
        with socket.create_connection(("127.0.0.1", self.upstream)) as upstream:
            _forward(call, upstream.makefile("rwb"))


def _forward(call: Call, aws: Any) -> bytes:
    aws.write(call.head + call.body)
    aws.flush()
    message = _read_message(aws, None)
    if message is None:
        raise ConnectionError("the emulator has closed the connection")
    return b"".join(message)


def _read_message(source: Any, answers: Any) -> tuple[bytes, bytes] | None:
    """Head and body of the next request or answer; None at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = source.readline()
        if not line:
            return None
        head += line
    if answers is not None and re.search(rb"(?i)\r\nexpect: 100-continue", head):
        answers.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        answers.flush()
        head = re.sub(rb"(?i)\r\nexpect: 100-continue", b"", head)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    if length:
        return head, source.read(int(length[1]))
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
        return head, _read_chunks(source)
    return head, b""


def _read_chunks(source: Any) -> bytes:
    body = bytearray()
    while True:
        line: bytes = source.readline()
        body += line + source.read(int(line.split(b";")[0], 16) + 2)
        if line.startswith(b"0"):
            return bytes(body)


def _parse_operation(head: bytes) -> str:
    target = re.search(rb"(?i)\r\nx-amz-target: *(\S+)", head)
    if target:
        return target[1].decode()
    return b" ".join(head.split(b" ", 2)[:2]).decode()


def _build_error(call: Call, *, throttled: bool) -> bytes:
    if "." in call.operation.split(" ")[0]:
        code = "ThrottlingException" if throttled else "InternalServerError"
        body = b'{"__type":"%s","message":"injected"}' % code.encode()
        return _build_response("400 Bad Request" if throttled else "500 Internal Server Error", body)
    code = "SlowDown" if throttled else "InternalError"
    body = b"<Error><Code>%s</Code><Message>injected</Message></Error>" % code.encode()
    return _build_response("503 Slow Down" if throttled else "500 Internal Server Error", body)


def _build_unprocessed(call: Call) -> bytes | None:
    import orjson

    if call.operation.endswith(".BatchGetItem"):
        wanted = orjson.loads(call.body)["RequestItems"]
        return _build_response("200 OK", orjson.dumps({"Responses": {}, "UnprocessedKeys": wanted}))
    if call.operation.endswith(".SendMessageBatch"):
        entries = orjson.loads(call.body)["Entries"]
        failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in entries]
        return _build_response("200 OK", orjson.dumps({"Successful": [], "Failed": failed}))
    return None


def _build_response(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body
