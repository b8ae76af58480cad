"""What the smoke tests publish touches nobody: 1,000 arbitrary users ask for all, through the routes."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

import app as application
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.wiring import Plane
from infra.release.probes import build_gateway_event
from realtime.commands.publish import publish
from realtime.local.clients import Clients
from tests.support.deployment_target import SMOKE_DEFINITIONS
from tests.support.experiments import published, published_flag

USERS = [f"{word}-{number}" for number in range(250) for word in ("user", "smoke", "realtime-smok", "é")]
SMOKE = "realtime.smoke"


def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
    response = application.app(build_gateway_event("POST", path, json.dumps(body)), None)
    assert response["statusCode"] == 200, response
    answer: dict[str, Any] = json.loads(response["body"])
    return answer


def ask_for_all(user: str) -> dict[str, set[str]]:
    """The keys that each bulk answer has."""
    return {
        "assign": {*ask("/assign/batch", {"user_id": user})["assignments"]},
        "flags": {*ask("/flags/evaluate/batch", {"user_id": user})["flags"]},
        "ofrep": {
            flag["key"]
            for flag in ask("/ofrep/v1/evaluate/flags", {"context": {"targetingKey": user}})["flags"]
        },
    }


@pytest.fixture
def plane(
    service_clients: ServiceClients, aws_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Plane]:
    """A container beside definitions of others. Those of the smoke tests are published as the tests do it."""
    store = DefinitionStore(service_clients, aws_settings)
    store.publish([published(traffic_allocation=0.02), published_flag()], 0, 0.0)
    assert publish(Console(file=io.StringIO()), store, [SMOKE_DEFINITIONS], strict=True) == 0
    plane = Plane(aws_settings, clients=service_clients)
    monkeypatch.setattr(application, "plane", lambda: plane)
    yield plane
    plane.end(5)


def test_a_thousand_users_see_and_leave_no_trace(
    plane: Plane, aws_settings: Settings, aws_clients: Clients
) -> None:
    others = {"assign": {"checkout"}, "flags": {"dark-mode"}, "ofrep": {"dark-mode"}}
    assert len(set(USERS)) == 1_000
    for user in USERS:
        assert ask_for_all(user) == others
    rows = aws_clients.dynamodb.scan(TableName=aws_settings.assignments_table)["Items"]
    assert {row["experiment_key"]["S"] for row in rows} == {"checkout"}  # it has some, so others would show


def test_who_names_the_experiment_gets_no_variant_either_and_no_row(
    plane: Plane, aws_settings: Settings, aws_clients: Clients
) -> None:
    for user in USERS[:100]:
        assert ask("/assign", {"user_id": user, "experiment_key": SMOKE})["variant"] is None
    assert aws_clients.dynamodb.scan(TableName=aws_settings.assignments_table)["Items"] == []
    assert ask("/assign", {"user_id": "realtime-smoke-1", "experiment_key": SMOKE})["variant"] is not None
    flag = ask("/flags/evaluate", {"user_id": "realtime-smoke-1", "flag_key": SMOKE})
    assert (flag["variant"], flag["reason"]) == ("on", "TARGETING_MATCH")
