"""What a client costs the process around it: loading, polling for an hour, and the buffers' bounds."""

import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest

from realtime.client import Client
from realtime.client.connection import Answer, Refused, Unreachable
from realtime.client.recorder import CAPACITY
from realtime.client.updates import OLDER_ANSWERS
from realtime.testing.client_connection import MemoryConnection, encode_flags
from tests.support.client_hour import Clock, make_text, make_updates
from tests.support.paths import ROOT


def test_ten_thousand_flags_load_without_a_pause_for_others() -> None:
    """Within 2 s, and 20 ms. A busy machine stops any thread for longer, so the best of some counts."""
    text = make_text(10_000)
    measured = []
    for _ in range(5):
        updates, _ = make_updates(MemoryConnection(text), Clock())
        loading = threading.Thread(target=updates.poll)
        gc.collect()
        began = last = time.perf_counter()
        longest = 0.0
        loading.start()
        while loading.is_alive():
            now = time.perf_counter()
            longest = max(longest, now - last)
            last = now
        measured.append((longest, time.perf_counter() - began))
        assert updates.definitions is not None
        assert len(updates.definitions) == 10_000
    assert min(longest for longest, _ in measured) < 0.02
    assert min(whole for _, whole in measured) < 2.0


def test_an_hour_of_polling_leaves_nothing_behind() -> None:
    """In a process of its own, in which nothing else takes memory."""
    command = [sys.executable, "-m", "tests.support.client_hour"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    asked, dropped, *sizes = map(int, ended.stdout.split())
    assert 1_000 < asked < 1_400
    assert dropped == 0
    # A cache may be resized once. What is left behind by each poll grows in every ten minutes.
    assert min(later - earlier for earlier, later in pairwise(sizes)) < 2_000, sizes
    assert max(sizes) - sizes[0] < 300_000, sizes


def test_polls_are_a_few_seconds_apart_and_rarer_in_an_outage() -> None:
    clock, connection = Clock(), MemoryConnection(make_text(1))
    updates, _ = make_updates(connection, clock)

    def count(seconds: float) -> int:
        before, end = connection.asked, clock.now + seconds
        while clock.now < end:
            clock.now += max(updates.run_due(), 0.01)
        return connection.asked - before

    assert 90 <= count(300) <= 110
    connection.is_away = True
    assert 10 <= count(300) <= 16
    assert updates.is_stale
    connection.is_away = False
    count(35)
    assert not updates.is_stale
    assert 90 <= count(300) <= 110


def test_a_retry_after_is_kept_to() -> None:
    class Throttling(MemoryConnection):
        def get(self, path: str, headers: Mapping[str, str], seconds: float = 5.0) -> Answer:
            self.asked += 1
            raise Unreachable("status 429", 60.0)

    clock, connection = Clock(), Throttling("")
    updates, _ = make_updates(connection, clock)
    updates.poll()
    clock.now += 50
    updates.run_due()
    assert connection.asked == 1
    clock.now += 20
    updates.run_due()
    assert connection.asked == 2


def test_the_buffers_have_a_bound_and_count_what_they_drop() -> None:
    clock, connection = Clock(), MemoryConnection(make_text(1))
    updates, recorder = make_updates(connection, clock)
    updates.poll()
    connection.is_away = True
    definitions = updates.definitions
    assert definitions is not None
    flag = definitions.get_flag("flag-00000")
    assert flag is not None
    evaluation = flag.answers.make_no_value()
    for number in range(CAPACITY + 50):
        recorder.add_evaluation(f"u{number}", clock.now, evaluation)
        recorder.add_event("view", f"u{number}", clock.now, {})
    with pytest.raises(Unreachable):
        recorder.send(clock.now)
    assert (recorder.waiting, recorder.dropped) == (2 * CAPACITY, 100)
    connection.is_away = False
    recorder.send(clock.now)
    assert recorder.waiting == 0
    assert (
        max(len(body["evaluations"]) for path, body in connection.received if path == "/evaluations") <= 400
    )


def test_the_largest_batch_is_taken_by_a_load_balancer() -> None:
    clock, connection = Clock(), MemoryConnection(make_text(1))
    updates, recorder = make_updates(connection, clock)
    updates.poll()
    definitions = updates.definitions
    assert definitions is not None
    flag = definitions.get_flag("flag-00000")
    assert flag is not None
    for number in range(500):
        recorder.add_evaluation(f"{number:04}" + '"' * 1_020, clock.now, flag.answers.make_no_value())
        recorder.add_event("view", "u1", clock.now, {"properties": {"text": "x" * 10_000}})
    recorder.send(clock.now)
    assert max(len(json.dumps(body, separators=(",", ":"))) for _, body in connection.received) < 1_000_000
    assert sum(len(body.get("events", ())) for _, body in connection.received) == 500


def make_flag(value: str, **fields: Any) -> dict[str, Any]:
    variants = [{"key": "only", "value": value}]
    return {"key": "f", "type": "string", "default_variant": "only", "variants": variants, **fields}


def test_a_version_that_nobody_asked_for_is_followed_by_the_next_one() -> None:
    """What was compiled two versions ago is never in force again, whatever changes beside it."""
    connection = MemoryConnection(encode_flags({"f": make_flag("first")}))
    client = Client(connection=connection)
    client.load()
    client.close()
    assert client.string("f", "", "u1") == "first"
    for version, other in ((2, "a"), (3, "b"), (4, "c")):
        flags = {"f": make_flag("second"), "g": make_flag(other) | {"key": "g"}}
        connection.text, connection.etag = encode_flags(flags, version), str(version)
        client._updates.poll()
    assert client.string("f", "", "u1") == "second"
    assert client.string("g", "", "u1") == "c"


def test_a_container_that_is_behind_takes_nothing_back_and_a_restored_table_does() -> None:
    connection = MemoryConnection(encode_flags({"f": make_flag("newer")}, 7))
    client = Client(connection=connection)
    client.load()
    client.close()
    connection.text, connection.etag = encode_flags({"f": make_flag("older")}, 6), "older"
    for _ in range(OLDER_ANSWERS):
        client._updates.poll()
        assert client.string("f", "", "u1") == "newer"
    client._updates.poll()
    assert client.string("f", "", "u1") == "older"


def test_days_of_failures_end_as_any_others() -> None:
    clock, connection = Clock(), MemoryConnection(make_text(1))
    updates, recorder = make_updates(connection, clock)
    updates.poll()
    connection.is_away = True
    recorder.add_event("view", "u1", clock.now, {})
    for _ in range(1_200):
        updates.poll()
        updates.flush()
    assert updates.error == "away"
    connection.is_away = False
    updates.poll()
    updates.flush()
    assert (updates.error, updates.is_stale, recorder.waiting) == ("", False, 0)


def test_a_key_that_is_refused_is_stale_at_once() -> None:
    class Refusing(MemoryConnection):
        def get(self, path: str, headers: Mapping[str, str], seconds: float = 0.0) -> Answer:
            if self.is_away:
                raise Refused(403, "forbidden", "no")
            return super().get(path, headers, seconds)

    connection = Refusing(make_text(1))
    updates, _ = make_updates(connection, Clock())
    updates.poll()
    connection.is_away = True
    updates.poll()
    assert updates.is_stale


class Something(BaseHTTPRequestHandler):
    """Another server than ours at the URL."""

    status, body = 200, b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815 - the library's name

    def log_message(self, *_: Any) -> None: ...


HEAD = '{"format":"realtime-definitions-1","version":1,"tracking_window":%s,"definitions":[%s]}'


@pytest.mark.parametrize("status", [200, 301, 403, 404, 500])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b"[]",
        b"null",
        b'"text"',
        b"\xff",
        b'{"error": "a text"}',
        b'{"error": []}',
        b'{"message": "Forbidden"}',
        (HEAD % ('"x"', "")).encode(),
        (HEAD % ("null", "1")).encode(),
        (HEAD % ("null", '{"kind":"flag"}')).encode(),
    ],
)
def test_whatever_answers_never_fails_the_caller(status: int, body: bytes) -> None:
    handler = type("Handler", (Something,), {"status": status, "body": body})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            client = Client(f"http://127.0.0.1:{server.server_address[1]}", "rt_none")
            assert client.string("f", "mine", "u1") == "mine"
            assert client.status.error
            client.track("view", "u1")
            assert not client.flush() or client.status.rejected == 1
            client.close(0.1)
        finally:
            server.shutdown()
            serving.join()
