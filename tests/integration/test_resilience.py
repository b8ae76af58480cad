"""Calls to a table that is dead, slow or throttled: a server on a socket."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from chalicelib import deadline
from chalicelib.domain.errors import Misconfigured, StorageUnavailable, Throttled
from chalicelib.settings import Settings
from chalicelib.stores import resilience
from chalicelib.stores.assignments import AssignmentStore
from chalicelib.stores.batches import MAX_EMPTY
from chalicelib.stores.clients import Clients
from chalicelib.stores.resilience import FAILURES_TO_OPEN
from realtime.local.emulator import build_environment
from tests.support.experiments import experiment
from tests.support.poll import wait_until

CHECKOUT = experiment()


class Dynamo:
    """Answers every request with ``status`` and ``body``; counts them."""

    def __init__(self) -> None:
        self.status, self.body = 200, "{}"
        self.requests = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.requests += 1
                self.rfile.read(int(self.headers["content-length"]))
                body = outer.body.encode()
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def refuses(self, code: str, status: int = 400) -> None:
        self.status, self.body = status, json.dumps({"__type": f"x#{code}", "message": "no"})


@pytest.fixture
def dynamo() -> Iterator[Dynamo]:
    answering = Dynamo()
    thread = threading.Thread(target=answering.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield answering
    answering.server.shutdown()
    thread.join()
    answering.server.server_close()


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def make_store(url: str, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> AssignmentStore:
    for name, value in build_environment(url).items():
        monkeypatch.setenv(name, value)
    used_settings = replace(Settings.from_env({}), **settings)
    clients = Clients(used_settings)
    assert clients.dynamodb.meta.endpoint_url == url  # made now, as that takes longer than some tests allow
    return AssignmentStore(clients, used_settings)


def fail(store: AssignmentStore, left: float = 3.0) -> float:
    """Seconds until a look-up fails; ``left`` is the time that it has."""
    start = time.monotonic()
    with deadline.limit(lambda: left - (time.monotonic() - start)), pytest.raises(StorageUnavailable):
        store.get(CHECKOUT, "u")
    return time.monotonic() - start


def test_a_dead_table_costs_milliseconds_once_it_is_known(
    nobody: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = make_store(nobody, monkeypatch)
    for _ in range(FAILURES_TO_OPEN):
        fail(dead)
    times = sorted(fail(dead) for _ in range(100))
    assert times[50] < 0.005


def test_a_silent_table_is_given_up_in_time(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = make_store(silent, monkeypatch, connect_timeout=0.2, read_timeout=0.2)
    assert fail(slow, left=0.7) < 0.7  # one attempt; a second one might not come back in time
    assert fail(slow, left=0.01) < 0.05
    assert 0.35 < fail(slow, left=5.0) < 3.0  # all three attempts


def test_time_that_runs_out_between_two_calls_of_a_method_begins_no_other(
    dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_store(dynamo.url, monkeypatch)
    dynamo.status, dynamo.body = 200, '{"Responses": {}, "UnprocessedKeys": {}}'
    many = [("checkout", f"u{number}") for number in range(450)]  # five calls
    for attempt in range(
        1, FAILURES_TO_OPEN + 2
    ):  # which is no failure of the store: its breaker stays closed
        with (
            deadline.limit(lambda: 1.0 if dynamo.requests < 2 * attempt else 0.0),  # noqa: B023 - not kept
            pytest.raises(StorageUnavailable, match="No time is left"),
        ):
            rows.get_many(many)
        assert dynamo.requests == 2 * attempt


def test_a_table_that_comes_back_is_used_again(dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch) -> None:
    back = make_store(dynamo.url, monkeypatch, max_attempts=1)
    dynamo.refuses("InternalServerError", 500)
    for _ in range(FAILURES_TO_OPEN):
        fail(back)
    before = dynamo.requests
    fail(back)
    assert dynamo.requests == before
    dynamo.status, dynamo.body = 200, "{}"

    def works() -> bool:
        try:
            return back.get(CHECKOUT, "u") is None
        except StorageUnavailable:
            return False

    assert wait_until(works, seconds=10)
    assert back.get(CHECKOUT, "u") is None


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Breakers that probe after tenths of seconds."""
    assert (resilience.SECONDS_OPEN, resilience.MOST_SECONDS_OPEN) == (1, 3)
    monkeypatch.setattr(resilience, "SECONDS_OPEN", 0.2)
    monkeypatch.setattr(resilience, "MOST_SECONDS_OPEN", 0.8)


def make_store_with_open_breaker(url: str, monkeypatch: pytest.MonkeyPatch) -> AssignmentStore:
    """A store whose breaker is open."""
    dead = make_store(url, monkeypatch, connect_timeout=0.2, read_timeout=0.2)
    for _ in range(FAILURES_TO_OPEN):
        fail(dead, left=0.3)
    return dead


@pytest.mark.usefixtures("short_pauses")
def test_a_probe_is_one_attempt_and_the_next_comes_later_each_time(
    dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamo.refuses("InternalServerError", 500)
    dead = make_store_with_open_breaker(dynamo.url, monkeypatch)
    probed_at = [time.monotonic()]
    for _ in range(4):
        before = dynamo.requests
        assert wait_until(lambda before=before: fail(dead) and dynamo.requests > before, interval=0.01)  # type: ignore[misc]
        assert dynamo.requests == before + 1
        probed_at.append(time.monotonic())
    pauses = [later - earlier for earlier, later in pairwise(probed_at)]
    for pause, expected in zip(pauses, (0.2, 0.4, 0.8, 0.8), strict=True):
        assert expected - 0.05 < pause < expected + 0.35
    dynamo.refuses("ValidationException")  # an answer, so the breaker closes
    before = dynamo.requests
    assert wait_until(lambda: fail(dead) and dynamo.requests > before, interval=0.01)
    fail(dead)
    assert dynamo.requests == before + 2


@pytest.mark.usefixtures("short_pauses")
def test_nobody_waits_for_the_one_who_probes(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = make_store_with_open_breaker(silent, monkeypatch)
    probe_due = time.monotonic() + 0.25
    assert wait_until(lambda: time.monotonic() >= probe_due, interval=0.01)
    with ThreadPoolExecutor(4) as pool:
        times = sorted(pool.map(lambda _: fail(dead), range(4)))
    assert times[2] < 0.1
    assert 0.15 < times[3] < 1.0


def test_one_failure_between_answers_opens_no_breaker(
    dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    shaky = make_store(dynamo.url, monkeypatch, max_attempts=1)
    for _ in range(3 * FAILURES_TO_OPEN):
        dynamo.refuses("InternalServerError", 500)
        fail(shaky)
        dynamo.status, dynamo.body = 200, "{}"
        assert shaky.get(CHECKOUT, "u") is None


def test_a_failed_attempt_is_repeated(dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch) -> None:
    dynamo.refuses("InternalServerError", 500)
    fail(make_store(dynamo.url, monkeypatch))
    assert dynamo.requests == 3


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "ThrottlingException"])
def test_a_throttled_table_is_distinguished_and_opens_no_breaker(
    dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    dynamo.refuses(code)
    busy = make_store(dynamo.url, monkeypatch)
    start = time.monotonic()
    for _ in range(2 * FAILURES_TO_OPEN):
        with deadline.limit(lambda: 2.0), pytest.raises(Throttled) as caught:
            busy.get(CHECKOUT, "u")
        assert caught.value.retry_after == 1
    assert dynamo.requests == 2 * FAILURES_TO_OPEN  # the client waits, not the container
    assert time.monotonic() - start < 3.0


def test_what_the_table_refuses_is_unavailable_and_not_repeated(
    dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    dynamo.refuses("ValidationException")
    with pytest.raises(StorageUnavailable, match="ValidationException"):
        make_store(dynamo.url, monkeypatch).get(CHECKOUT, "u")
    assert dynamo.requests == 1


def test_rows_that_stay_unread_are_no_answer(dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch) -> None:
    part = make_store(dynamo.url, monkeypatch, assignments_table="t")
    key = {"id": {"S": "checkout#u"}}
    dynamo.body = json.dumps({"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [key]}}})
    for tries in range(1, FAILURES_TO_OPEN + 1):
        with pytest.raises(Throttled):
            part.get_many([("checkout", "u")])
        assert dynamo.requests == MAX_EMPTY * tries
    dynamo.body = "{}"
    assert part.get(CHECKOUT, "u") is None


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
)
def test_what_the_table_refuses_keeps_out_nobody_else(
    dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    picky = make_store(dynamo.url, monkeypatch, max_attempts=1)
    for _ in range(FAILURES_TO_OPEN):
        dynamo.refuses(code)
        fail(picky)
    assert dynamo.requests == FAILURES_TO_OPEN
    dynamo.status, dynamo.body = 200, "{}"
    assert picky.get(CHECKOUT, "u") is None


def test_a_mistake_of_configuration_is_named_in_the_log_once_and_opens_no_breaker(
    dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    missing = make_store(dynamo.url, monkeypatch, assignments_table="gone")
    dynamo.refuses("ResourceNotFoundException")
    for _ in range(FAILURES_TO_OPEN + 1):
        with pytest.raises(Misconfigured, match="The store cannot be reached; try again") as refused:
            missing.get(CHECKOUT, "user-42")
        assert refused.value.reason.startswith("There is no table 'gone' in this account and region.")
    assert dynamo.requests == FAILURES_TO_OPEN + 1
    assert caplog.text.count("AssignmentStore: There is no table 'gone'") == 1
    assert "user-42" not in caplog.text


def test_an_address_that_is_none_is_a_mistake_of_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    settings = Settings.from_env({})
    store = AssignmentStore(Clients(settings), settings)
    for _ in range(FAILURES_TO_OPEN + 1):
        with pytest.raises(Misconfigured) as refused:
            store.get(CHECKOUT, "u")
        assert refused.value.reason.startswith("Invalid endpoint: nonsense: set AWS_ENDPOINT_URL to")


def test_the_region_may_be_in_either_of_awss_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        monkeypatch.setenv(name, "eu-west-1")
        assert Clients(Settings.from_env({})).dynamodb.meta.region_name == "eu-west-1"
