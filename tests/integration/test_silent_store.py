"""A DynamoDB that accepts connections and never answers: cached answers are served, nearly as fast."""

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
    """Uses the healthy store, or the other one once ``is_silent`` is set."""

    def __init__(self, healthy: Any, silent: Any) -> None:
        self.healthy, self.silent, self.is_silent = healthy, silent, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.silent if self.is_silent else self.healthy, name)


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


def evaluate_flag(plane: Plane) -> object:
    return plane.evaluate("u", "dark-mode", {})


def evaluate_all_flags(plane: Plane) -> object:
    return plane.evaluate_many("u", None, {}).evaluations[0]


def assign(plane: Plane) -> object:
    return plane.assign("u", "checkout", {})


def measure_answers(plane: Plane, request_once: Callable[[Plane], object]) -> list[float]:
    """Seconds of each answer, in order of size."""
    times = []
    end = time.monotonic() + SECONDS
    while (start := time.monotonic()) < end:
        with deadline.limit_online(None):
            assert request_once(plane)
        times.append(time.monotonic() - start)
        time.sleep(0.005)  # until the next request
    return sorted(times)


def are_few_delayed(times: list[float]) -> bool:
    return (
        times[len(times) * 9 // 10] < 0.02
        and times[-1] < 2 * REFRESH_TIMEOUT_SECONDS + 0.2  # a check, and an expired definition
        and sum(spent for spent in times if spent > 0.02) < 0.4 * SECONDS
    )


@pytest.mark.parametrize("request_once", [evaluate_flag, evaluate_all_flags, assign])
def test_it_delays_few_of_the_cached_answers_and_none_for_long(
    container: tuple[Plane, Failover], request_once: Callable[[Plane], object]
) -> None:
    plane, definitions = container
    request_once(plane)
    definitions.is_silent = True
    # A machine that is busy with other tests delays answers, too: but not always.
    assert any(are_few_delayed(measure_answers(plane, request_once)) for _ in range(5))
    assert plane.metrics.recorded["DefinitionsAge"]  # type: ignore[attr-defined] # in memory
