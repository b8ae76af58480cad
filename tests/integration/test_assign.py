"""Assignment on DynamoDB: races between processes, the number of calls, and what the rows hold."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from typing import Any

import pytest

from chalicelib.api.assignments import render_assignment, render_assignments
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.wiring import Plane
from realtime.testing.stores import MemoryMetrics
from tests.support.experiments import published

PROCESSES, THREADS = 4, 16


@pytest.fixture
def settings(aws_settings: Settings, service_clients: Clients) -> Settings:
    """Settings of new tables, with one published experiment."""
    DefinitionStore(service_clients, aws_settings).publish([published()], 0, time.time())
    return aws_settings


def make_container(settings: Settings, clients: Clients, **stores: Any) -> Plane:
    return Plane(settings, clients=clients, **stores)


def assign(plane: Plane, user: str, key: str = "checkout") -> dict[str, Any]:
    return render_assignment(plane.assign(user, key, {}))


def assign_all(plane: Plane, user: str) -> dict[str, Any]:
    answers: dict[str, Any] = render_assignments(plane.assign_many(user, None, {}))["assignments"]
    return answers


@contextmanager
def start_racer(settings: Settings, environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    names = {
        f"REALTIME_{field.name.upper()}": str(getattr(settings, field.name))
        for field in fields(settings)
        if field.name.endswith("_table")
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.race", str(THREADS)],
        env={**os.environ, **environ, **names},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    with process:
        yield process
        process.stdin.close()


def write_line(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_64_first_requests_of_a_user_across_processes_agree(
    settings: Settings, aws_environment: dict[str, str], service_clients: Clients
) -> None:
    with ExitStack() as stack:
        racers = [stack.enter_context(start_racer(settings, aws_environment)) for _ in range(PROCESSES)]
        assert [read_line(process) for process in racers] == ["ready"] * PROCESSES
        for user in ("user-1", "user-2", "😀", "x" * 1024):
            for process in racers:
                write_line(process, user)
            answers = [answer for process in racers for answer in json.loads(read_line(process))]
            assert len(answers) == PROCESSES * THREADS
            same = {
                (answer["variant"], answer["assignment_id"], answer["timestamp"], answer.get("persisted"))
                for answer in answers
            }
            row = get_row(settings, service_clients, user)
            assert same == {(row["variant"]["S"], row["assignment_id"]["S"], row["timestamp"]["S"], None)}
            assert {answer["reason"] for answer in answers} <= {"ASSIGNED", "STICKY"}


def get_row(settings: Settings, clients: Clients, user: str, key: str = "checkout") -> Any:
    answer = clients.dynamodb.get_item(
        TableName=settings.assignments_table, Key={"id": {"S": f"{key}#{user}"}}, ConsistentRead=True
    )
    return answer.get("Item")


@pytest.fixture
def calls(service_clients: Clients) -> Iterator[Counter[str]]:
    """The number of requests of the service's client, by operation."""
    counted: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        counted[model.name] += 1

    events = service_clients.dynamodb.meta.events
    events.register("before-call.dynamodb", count)
    yield counted
    events.unregister("before-call.dynamodb", count)


@pytest.mark.parametrize(("identity", "read"), [(False, "GetItem"), (True, "BatchGetItem")])
def test_calls_to_aws_are_0_for_a_hot_user_1_for_a_known_and_2_for_a_new_one(
    settings: Settings, service_clients: Clients, calls: Counter[str], identity: bool, read: str
) -> None:
    settings = replace(settings, identity=identity)
    plane, second = make_container(settings, service_clients), make_container(settings, service_clients)
    for container in (plane, second):
        assign(container, "warm-up")
    calls.clear()
    assign(plane, "u")
    assert calls == {read: 1, "PutItem": 1}
    assign(plane, "u")
    assert calls.total() == 2
    calls.clear()
    assign(second, "u")
    assert calls == {read: 1}
    assign(second, "u")
    assert calls.total() == 1


def test_a_batch_of_120_costs_two_reads(
    aws_settings: Settings, service_clients: Clients, calls: Counter[str]
) -> None:
    store = DefinitionStore(service_clients, aws_settings)
    store.publish([published(f"e{number}") for number in range(120)], 0, time.time())
    plane = make_container(aws_settings, service_clients)
    assign_all(plane, "warm-up")
    calls.clear()
    first = assign_all(plane, "u")
    assert calls == {"BatchGetItem": 2, "PutItem": 120}
    calls.clear()
    again = assign_all(make_container(aws_settings, service_clients), "u")
    assert calls == {"Query": 1, "Scan": 1, "BatchGetItem": 2}
    assert again == {key: answer | {"reason": "STICKY"} for key, answer in first.items()}


def test_a_row_has_the_attributes_that_others_read(settings: Settings, service_clients: Clients) -> None:
    answer = assign(make_container(settings, service_clients), "u")
    row = get_row(settings, service_clients, "u")
    ttl = int(row.pop("ttl")["N"])
    assert abs(ttl - time.time() - 90 * 86_400) < 60
    assert row == {
        "id": {"S": "checkout#u"},
        "user_id": {"S": "u"},
        "experiment_id": {"S": "checkout"},
        "experiment_key": {"S": "checkout"},
        "variant": {"S": answer["variant"]},
        "assignment_id": {"S": answer["assignment_id"]},
        "timestamp": {"S": answer["timestamp"]},
        "version": {"N": "1"},
    }


def test_embedded_a_row_also_serves_the_platforms_indexes_and_its_overrides_apply(
    settings: Settings, service_clients: Clients
) -> None:
    embedded = replace(settings, platform="existing")
    for user, ttl in (("tester", {}), ("gone", {"ttl": {"N": "1"}})):
        service_clients.dynamodb.put_item(
            TableName=settings.overrides_table,
            Item={
                "id": {"S": user},
                "target_id": {"S": "checkout"},
                "user_id": {"S": user},
                "variant": {"S": "treatment"},
                **ttl,
            },
        )
    service_clients.dynamodb.put_item(TableName=settings.overrides_table, Item={"id": {"S": "not ours"}})
    plane = make_container(embedded, service_clients)
    answer = assign(plane, "u")
    row = get_row(settings, service_clients, "u")
    assert row["variation"] == {"S": answer["variant"]}
    assert abs(int(row["assigned_at"]["N"]) - time.time()) < 60
    assert assign(plane, "tester")["reason"] == "OVERRIDE"
    assert assign(plane, "gone")["reason"] == "ASSIGNED"


def test_publishing_keeps_what_the_platform_wrote_into_the_same_row(
    aws_settings: Settings, service_clients: Clients
) -> None:
    table = aws_settings.experiments_table
    service_clients.dynamodb.put_item(TableName=table, Item={"id": {"S": "checkout"}, "owner": {"S": "me"}})
    store = DefinitionStore(service_clients, aws_settings)
    assert store.get_all("experiment") == {}
    store.publish([published()], 0, time.time())
    row = service_clients.dynamodb.get_item(TableName=table, Key={"id": {"S": "checkout"}})["Item"]
    assert row["owner"] == {"S": "me"}
    assert row["status"] == {"S": "active"}
    assert store.get_many("experiment", ["checkout"]).keys() == {"checkout"}


def test_rows_of_another_shape_are_skipped_and_counted(settings: Settings, service_clients: Clients) -> None:
    good = {"target_id": {"S": "checkout"}, "variant": {"S": "treatment"}}
    overrides = [
        {"id": {"S": "1"}, **good, "user_id": {"N": "7"}},
        {"id": {"S": "2"}, **good, "user_id": {"S": "late"}, "ttl": {"S": "never"}},
        {"id": {"S": "3"}, **good, "user_id": {"S": "tester"}},
    ]
    platform_rows: list[dict[str, Any]] = [
        {"definition": {"S": "{}"}},
        {"definition": {"M": {}}, "version": {"N": "1"}},
    ]
    for item in overrides:
        service_clients.dynamodb.put_item(TableName=settings.overrides_table, Item=item)
    for number, item in enumerate(platform_rows):
        row: Any = {"id": {"S": f"platform-{number}"}, **item}
        service_clients.dynamodb.put_item(TableName=settings.experiments_table, Item=row)
    metrics = MemoryMetrics()
    plane = make_container(replace(settings, platform="existing"), service_clients, metrics=metrics)
    assert assign(plane, "tester")["reason"] == "OVERRIDE"
    assert metrics.recorded["InvalidDefinition"] == [1, 1]
    assert set(assign_all(plane, "tester")) == {"checkout"}
    assert metrics.recorded["InvalidDefinition"] == [1] * 4
