"""A DynamoDB that accepts and never answers: what is cached is answered all the same, and nearly as soon."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib import deadline
from chalicelib.services.concurrency import REFRESH_TIMEOUT_SECONDS
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.wiring import Plane
from realtime.local.emulator import build_environment
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions, MemoryMetrics
from tests.support.experiments import published, published_flag

SECONDS = 3.0


class Failover:
    """One store, and from ``silent`` on another."""

    def __init__(self, healthy: Any, silent: Any) -> None:
        self.healthy, self.after, self.silent = healthy, silent, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.after if self.silent else self.healthy, name)


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Plane, Failover]]:
    with socket.create_server(("127.0.0.1", 0), backlog=512) as server:
        for name, value in build_environment(f"http://127.0.0.1:{server.getsockname()[1]}").items():
            monkeypatch.setenv(name, value)
        settings = Settings.from_env({"REALTIME_DEFINITIONS_CHECK": "1", "REALTIME_DEFINITIONS_TTL": "2"})
        healthy = MemoryDefinitions()
        healthy.publish([published(), published_flag()], 0, 0.0)
        definitions = Failover(healthy, DefinitionStore(Clients(settings), settings))
        plane = Plane(
            settings, definitions=definitions, assignments=MemoryAssignments(), metrics=MemoryMetrics()
        )
        yield plane, definitions


def one_flag(plane: Plane) -> object:
    return plane.evaluate("u", "dark-mode", {})


def all_flags(plane: Plane) -> object:
    return plane.evaluate_many("u", None, {}).evaluations[0]


def assignment(plane: Plane) -> object:
    return plane.assign("u", "checkout", {})


@pytest.mark.parametrize("ask", [one_flag, all_flags, assignment])
def test_it_delays_few_of_the_cached_answers_and_none_for_long(
    container: tuple[Plane, Failover], ask: Callable[[Plane], object]
) -> None:
    plane, definitions = container
    ask(plane)
    definitions.silent = True
    times = []
    end = time.monotonic() + SECONDS
    while (start := time.monotonic()) < end:
        with deadline.limit_online(None):
            assert ask(plane)
        times.append(time.monotonic() - start)
        time.sleep(0.005)  # the next request
    times.sort()
    assert times[len(times) * 9 // 10] < 0.02
    assert times[-1] < 2 * REFRESH_TIMEOUT_SECONDS + 0.2  # a check, and a definition whose time was over
    assert sum(spent for spent in times if spent > 0.02) < 0.4 * SECONDS
    assert plane.metrics.recorded["DefinitionsAge"]  # type: ignore[attr-defined] # in memory
