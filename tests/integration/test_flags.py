"""Flags over real tables and a real stream: published, evaluated by real clients, tracked, switched off."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from statistics import median
from threading import Event
from typing import Any

import pytest
import requests
from rich.console import Console

import app as application
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.stream import EventStream
from realtime.commands.publish import publish, roll_back
from realtime.local.background import flush_after_responses
from realtime.local.clients import Clients
from realtime.local.server import serve
from realtime.testing.event_stores import MemoryEventStream
from tests.support.node import run_node_tests
from tests.support.openfeature_flags import FLAGS, publish_all
from tests.support.poll import wait_until
from tests.support.service import KEY, Service, run_service, serve_service
from tests.support.streams import read_events


@pytest.fixture
def service_at_url(aws_settings: Settings, service_clients: ServiceClients) -> Iterator[tuple[str, Service]]:
    settings = replace(aws_settings, definitions_check=0.1)
    definitions = DefinitionStore(service_clients, settings)
    stream = EventStream(service_clients, settings.event_stream)
    with serve_service(settings, definitions=definitions, stream=stream) as running:
        yield running


def evaluate(url: str, key: str, user: str = "u1") -> dict[str, Any]:
    answer = requests.post(
        f"{url}/flags/evaluate",
        json={"user_id": user, "flag_key": key},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=5,
    )
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.node
def test_openfeature_clients_get_what_was_published_and_it_is_tracked(
    service_at_url: tuple[str, Service], aws_clients: Clients
) -> None:
    url, running = service_at_url
    publish_all(running)
    run_node_tests("server.test.mjs", url)
    run_node_tests("web.test.mjs", url)
    assert running.plane.tracker.flush() == 0
    events = read_events(aws_clients, running.plane.settings.event_stream)
    assert {event["flag_key"] for event in events} == set(FLAGS) - {"by-account"}
    assert {event["user_id"] for event in events} == {"u1"}
    assert len(events) == len({event["event_id"] for event in events})


def test_a_kill_switch_is_in_force_at_once_and_a_rollback_undoes_it(
    service_at_url: tuple[str, Service], tmp_path: Path
) -> None:
    url, running = service_at_url
    console = Console(file=StringIO())
    file = tmp_path / "flags.yaml"
    for enabled, reason in (("true", "STATIC"), ("false", "DISABLED")):
        file.write_text(f"flags: [{{key: checkout, type: boolean, enabled: {enabled}}}]")
        assert publish(console, running.definitions, [file], strict=True, publisher=Author("test")) == 0
        wait_until(lambda reason=reason: evaluate(url, "checkout")["reason"] == reason, 5)  # type: ignore[misc]
    assert roll_back(console, running.definitions, 1, publisher=Author("test")) == 0
    wait_until(lambda: evaluate(url, "checkout")["reason"] == "STATIC", 5)
    assert [row.published_by for row in running.definitions.get_history("flag", "checkout")] == ["test"] * 3


class HangingStream(MemoryEventStream):
    """Kinesis that answers nothing until ``can_answer`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_called, self.can_answer = Event(), Event()

    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        self.is_called.set()
        self.can_answer.wait()
        return super().put(records)


def test_a_stream_that_hangs_changes_neither_answers_nor_their_time() -> None:
    stream = HangingStream()
    with run_service(stream=stream) as running:
        publish_all(running)
        seconds = []
        with flush_after_responses(running.plane.tracker.flush) as after_response:
            with serve(application.app, after_response=after_response) as url:
                expected = evaluate(url, "boolean")
                assert stream.is_called.wait(10)
                for number in range(30):
                    started = time.perf_counter()
                    assert evaluate(url, "boolean", f"user-{number}") == expected
                    seconds.append(time.perf_counter() - started)
            stream.can_answer.set()
    assert median(seconds) < 0.1
    assert len(stream.events) == 31  # sent as soon as the stream answers
