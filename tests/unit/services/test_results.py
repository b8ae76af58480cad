"""Results of experiments as they are published, and of those that were removed."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import NotFound
from chalicelib.settings import Settings
from chalicelib.wiring import Plane
from realtime.testing.event_stores import MemoryCounters
from realtime.testing.stores import MemoryDefinitions, MemoryMetrics
from tests.support.assignments import change, row
from tests.support.experiments import published, published_flag

REMOVED = DefinitionRow("experiment", "checkout", "", "removed")


def results(*publications: Sequence[DefinitionRow], users: int = 0) -> dict[str, Any]:
    """After ``publications``; ``users`` are assigned in iteration 2."""
    definitions = MemoryDefinitions()
    for version, rows in enumerate(publications):
        definitions.publish(rows, version, 1_700_000_000.0 + version)
    settings = Settings.from_env({})
    plane = Plane(settings, definitions=definitions, counters=MemoryCounters(), metrics=MemoryMetrics())
    records = [change(number, row(f"u{number}", iteration="2")) for number in range(users)]
    plane.sync({"Records": records, "shardId": "s"}, lambda: 60.0)
    return plane.results("checkout")


def test_a_removed_experiment_keeps_the_results_of_its_last_version() -> None:
    answer = results([published()], [published(iteration=2)], [REMOVED], users=3)
    assert (answer["status"], answer["iteration"]) == ("removed", 2)
    assert answer["variants"]["control"]["assigned"] == 3


def test_a_last_version_that_cannot_be_read_is_passed_over() -> None:
    broken = DefinitionRow("experiment", "checkout", '{"key": "checkout"}', "active")
    answer = results([published(iteration=2)], [broken], [REMOVED], users=1)
    assert (answer["status"], answer["variants"]["control"]["assigned"]) == ("removed", 1)


def test_an_experiment_that_came_back_is_not_removed() -> None:
    assert results([published()], [REMOVED], [published(status="paused")])["status"] == "paused"


def test_an_experiment_that_was_never_published_is_not_found() -> None:
    with pytest.raises(NotFound):
        results([published_flag("checkout"), published("other")])
