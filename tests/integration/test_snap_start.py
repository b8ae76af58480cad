"""The real bundle under the real runtime with SnapStart: primed before the snapshot, new after a restore."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from tests.support.experiments import published_flag
from tests.support.lambda_service import Container, LambdaService, Start
from tests.support.poll import wait_until
from tests.support.proxy import Call, FaultProxy

HANDLERS = ["app.feature_flags", "app.assignment"]
SAMPLE = {"app.feature_flags": "flag_key", "app.assignment": "experiment_key"}
LOGS = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO"}


@pytest.fixture
def proxy(aws_environment: dict[str, str]) -> Iterator[FaultProxy]:
    with FaultProxy(int(aws_environment["AWS_ENDPOINT_URL"].rpartition(":")[2])) as running:
        yield running


@pytest.fixture
def start_from_snapshot(start: Start, proxy: FaultProxy) -> Start:
    def run(handler: str = "app.feature_flags", **more: str) -> Container:
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
            "REALTIME_METRICS_INTERVAL": "0",
        }
        return start(handler, **environment | LOGS | more)

    return run


def restore(lambdas: LambdaService) -> None:
    lambdas.restored.set()
    wait_until(lambda: lambdas.is_idle, 20)


def read_metrics(container: Container) -> list[dict[str, Any]]:
    return [json.loads(line) for line in container.read_output() if line.startswith('{"_aws"')]


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_container_is_primed_before_the_snapshot_and_has_no_connection_in_it(
    start_from_snapshot: Start, lambdas: LambdaService, proxy: FaultProxy, handler: str
) -> None:
    calls: list[str] = []

    def note(call: Call) -> str:
        calls.append(call.operation)
        return ""

    proxy.decide = note
    container = start_from_snapshot(handler)
    assert any("primed in" in line for line in container.read_output()), container.read_output()
    assert calls == ["DynamoDB_20120810.Query"]  # decisions had prepared answers
    wait_until(lambda: proxy.connections == 0)
    assert lambdas.records == []


@pytest.mark.parametrize("handler", HANDLERS)
def test_nothing_that_was_primed_is_served_sent_or_counted_after_the_restore(
    start_from_snapshot: Start, lambdas: LambdaService, handler: str
) -> None:
    container = start_from_snapshot(handler)
    restore(lambdas)
    answer = container.invoke({"user_id": "u1", SAMPLE[handler]: "realtime.priming"})
    assert answer["error"]["code"].endswith("_not_found")
    container.freeze()
    assert lambdas.records == []
    lines = read_metrics(container)
    assert sum(line.get("Answered", 0) for line in lines) == 1
    recorded = {name for line in lines for name in line}
    assert not recorded & {"FlagEvaluations", "TrackingSent", "DefinitionsAge", "InvalidDefinition"}


def test_a_definition_that_was_published_during_the_sleep_decides_the_first_request(
    start_from_snapshot: Start, lambdas: LambdaService, service_clients: Clients, aws_settings: Settings
) -> None:
    container = start_from_snapshot()
    store = DefinitionStore(service_clients, aws_settings)
    store.publish([published_flag("new", enabled=False)], 1, time.time())
    restore(lambdas)
    assert container.invoke({"user_id": "u1", "flag_key": "new"})["enabled"] is False


@pytest.mark.parametrize("when", ["during the sleep", "after the restore", "never"])
def test_the_extension_waits_again_if_its_connection_did_not_survive(
    start_from_snapshot: Start, lambdas: LambdaService, when: str
) -> None:
    container = start_from_snapshot()
    if when == "during the sleep":
        lambdas.break_connection()
        wait_until(lambda: lambdas.refused > 1)  # Lambda holds its wait to be going on
    restore(lambdas)
    if when == "after the restore":
        lambdas.break_connection()
    for user in ("u1", "u2", "u3"):
        assert container.invoke({"user_id": user, "flag_key": "new"})["variant"] == "on"
    container.freeze()
    assert sorted(lambdas.sent_events) == [("evaluation", user) for user in ("u1", "u2", "u3")]
    assert len(lambdas.registered) == 1
    assert container.shut_down() == 0


def test_a_provisioned_container_is_primed_while_it_starts(start: Start, lambdas: LambdaService) -> None:
    container = start(AWS_LAMBDA_INITIALIZATION_TYPE="provisioned-concurrency", **LOGS)
    assert any("primed in" in line for line in container.read_output())
    assert container.invoke({"user_id": "u1", "flag_key": "new"})["variant"] == "on"
    container.freeze()
    assert lambdas.sent_events == [("evaluation", "u1")]
