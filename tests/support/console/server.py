"""Serves the console's real files, and a fake management API, on a free port."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from chalicelib.api.console import console, console_file
from chalicelib.settings import Settings
from tests.support.console.fake_admin import FakeAdmin

SETTINGS = replace(Settings.from_env({}), demo_key="")


@contextmanager
def serve_console(admin: FakeAdmin, settings: Settings = SETTINGS) -> Iterator[str]:
    """The URL of the page."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path.startswith("/console"):
                name = self.path.removeprefix("/console").removeprefix("/")
                request: Any = SimpleNamespace(headers={k.lower(): v for k, v in self.headers.items()})
                answer = console_file(request, settings, name) if name else console(request, settings)
                self._send(answer.status_code, answer.headers, answer.body)
                return
            self._answer("GET", None)

        def do_POST(self) -> None:
            self._answer("POST", json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def do_DELETE(self) -> None:
            self._answer("DELETE", None)

        def _answer(self, method: str, body: Any) -> None:
            status, answer = admin.answer(method, unquote(self.path), self.headers, body)
            etag = {"ETag": f'"{admin.version}"'}
            self._send(status, {"Content-Type": "application/json", **etag}, json.dumps(answer))

        def _send(self, status: int, headers: Any, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Tests have their own output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/console"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
