"""The heartbeat's flag and key: they work as any other, and nobody else sees them."""

import json
from typing import Any

import pytest

import app as application
from chalicelib.domain.heartbeat import FLAG
from chalicelib.domain.stream.counters import flag_scope
from chalicelib.wiring import Plane
from realtime.heartbeat import build_decision
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import published
from tests.support.signals import Signals
from tests.support.streams import kinesis

REQUEST = build_decision(0.0)


@pytest.fixture
def signals() -> Signals:
    return Signals()


def beat(plane: Plane, now: float) -> Any:
    """One decision, and what comes of its event."""
    answer = application.feature_flags(build_decision(now), None)
    plane.after_response(1.0)
    stream: Any = plane.stream
    application.event_processor(kinesis(stream.events, arrived=now), None)
    stream.events.clear()
    return answer


def count(plane: Plane, scope: str) -> int:
    return sum(item.total.count for item in plane.counters.read(scope))


def test_a_decision_arrives_in_its_counter_though_no_table_has_the_flag(signals: Signals) -> None:
    with signals.container("feature_flags") as plane:
        assert beat(plane, signals.now)["variant"] == "on"
        assert count(plane, flag_scope(FLAG)) == 1


def test_it_is_in_no_bulk_answer_no_table_and_no_result(signals: Signals) -> None:
    definitions = MemoryDefinitions()
    definitions.publish([published(metrics=["evaluation", "exposure"])], 0, 0.0)
    with signals.container("feature_flags", definitions=definitions) as plane:
        before = plane.results("checkout")
        beat(plane, signals.now)
        assert plane.results("checkout") == before
        assert plane.evaluate_many("u", None, {}).evaluations == []
        assert plane.catalog.flags.get_all() == {}
        assert plane.assignments.rows == {}  # type: ignore[attr-defined]  # in memory
        assert FLAG not in json.dumps([row.text for row in definitions.get_all("flag").values()])


def test_its_key_opens_what_is_open_to_everybody(signals: Signals) -> None:
    with signals.container("authorizer") as plane:
        access = plane.authorize("Bearer rt_health")
    assert (access.principal, access.routes) == ("health", ("/health",))
    assert (access.is_admin, access.is_public, access.is_client) == (False, False, False)
