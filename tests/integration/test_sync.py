"""Assignments on their way to PostgreSQL: the real handler, under the pump, before a real server."""

import json
import random
import ssl
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import app as application
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.assignment_history import RefusedRow
from chalicelib.services.events.assignment_sync import redrive_row
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.postgres import AssignmentHistory
from chalicelib.wiring import Plane
from realtime.local.clients import Clients as LocalClients
from realtime.local.ports import HOST
from realtime.local.pump import Pump
from realtime.local.streams import TableStream
from realtime.resources import describe
from tests.support.experiments import published
from tests.support.history import row, stored
from tests.support.poll import wait_until
from tests.support.postgres import Postgres
from tests.support.tls import tls_before

USERS = [f"u{number}" for number in range(60)]


@pytest.fixture
def plane(
    aws_settings: Settings,
    service_clients: Clients,
    database: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> Plane:
    """What app.py serves with."""
    DefinitionStore(service_clients, aws_settings).publish([published()], 0, 0.0)
    plane = Plane(replace(aws_settings, postgres_url=database.url), clients=service_clients)
    monkeypatch.setattr(application, "plane", lambda: plane)
    return plane


def unexpected(message: object) -> None:
    raise AssertionError(message)


class Recorded:
    """The handler, and the events it was called with."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def __call__(self, event: Any, context: Any) -> Any:
        self.events.append(event)
        return application.assignment_sync(event, context)


@pytest.fixture
def handler() -> Recorded:
    return Recorded()


@pytest.fixture
def pump(plane: Plane, aws_clients: LocalClients, handler: Recorded) -> Iterator[Pump]:
    (source,) = [
        source for source in describe(plane.settings).event_sources if source.function == "assignment_sync"
    ]
    stream = TableStream(aws_clients.table_streams, plane.settings.assignments_table)
    pump = Pump(replace(source, batch_size=25), stream, handler, unexpected, backoff=(0.05, 0.2))
    yield pump
    pump.stop()


def assigned(plane: Plane) -> dict[str, tuple[str, str]]:
    """By id, the user and variant of every stored assignment."""
    rows = plane.clients.dynamodb.scan(TableName=plane.settings.assignments_table)["Items"]
    return {row_["assignment_id"]["S"]: (row_["user_id"]["S"], row_["variant"]["S"]) for row_ in rows}


def synced_rows(database: Postgres) -> dict[str, tuple[str, str]]:
    return {row_.id: (row_.user_id, row_.variant_id) for row_ in stored(database).values()}


def counted(plane: Plane) -> int:
    return sum(sums.count for _, hours in plane.counters.read("checkout") for sums in hours.values())


def test_every_stored_assignment_arrives_once(plane: Plane, database: Postgres, pump: Pump) -> None:
    for user in (*USERS, *USERS[:10]):
        plane.assign(user, "checkout", {})
    pump.drain()
    assert synced_rows(database) == assigned(plane)
    assert counted(plane) == len(synced_rows(database)) == len(USERS)


def test_nothing_is_lost_while_the_database_is_down(
    plane: Plane, database: Postgres, pump: Pump, handler: Recorded
) -> None:
    pump.start()
    plane.assign(USERS[0], "checkout", {})
    wait_until(lambda: len(synced_rows(database)) == 1)
    database.stop()
    try:
        for user in USERS[1:40]:
            plane.assign(user, "checkout", {})
        tried = len(handler.events)
        wait_until(lambda: len(handler.events) > tried + 2)
    finally:
        database.start()
    for user in USERS[40:]:
        plane.assign(user, "checkout", {})
    pump.drain()
    assert synced_rows(database) == assigned(plane)
    assert counted(plane) == len(USERS)


def test_replayed_and_reordered_batches_change_nothing(
    plane: Plane, database: Postgres, pump: Pump, handler: Recorded
) -> None:
    for user in USERS:
        plane.assign(user, "checkout", {})
    moved = next(iter(assigned(plane).values()))[0]
    plane.clients.dynamodb.update_item(
        TableName=plane.settings.assignments_table,
        Key={"id": {"S": f"checkout#{moved}"}},
        UpdateExpression="SET variant = :variant, #at = :at",
        ExpressionAttributeNames={"#at": "timestamp"},
        ExpressionAttributeValues={":variant": {"S": "moved"}, ":at": {"S": "2099-01-01T00:00:00.000Z"}},
    )
    pump.drain()
    before = stored(database)
    assert synced_rows(database) == assigned(plane)
    chance = random.Random(7)
    for event in chance.sample(handler.events, len(handler.events)):
        assert plane.sync(event, lambda: 60.0)["batchItemFailures"] == []
        for record in chance.sample(event["Records"], len(event["Records"])):
            assert plane.sync({**event, "Records": [record]}, lambda: 60.0)["batchItemFailures"] == []
    assert stored(database) == before
    assert counted(plane) == len(USERS)


def test_a_poison_row_goes_into_quarantine_and_the_shard_goes_on(
    plane: Plane, database: Postgres, pump: Pump
) -> None:
    plane.assign(USERS[0], "checkout", {})
    [(identity, _)] = assigned(plane).items()
    item: dict[str, Any] = plane.clients.dynamodb.scan(TableName=plane.settings.assignments_table)["Items"][0]
    poison = {"id": {"S": "checkout#bad"}, "user_id": {"S": "a\0b"}, "assignment_id": {"S": identity[::-1]}}
    plane.clients.dynamodb.put_item(TableName=plane.settings.assignments_table, Item=item | poison)
    for user in USERS[1:]:
        plane.assign(user, "checkout", {})
    pump.drain()
    expected = {
        assignment_id: assignment
        for assignment_id, assignment in assigned(plane).items()
        if "\0" not in assignment[0]
    }
    assert synced_rows(database) == expected
    assert len(expected) == len(USERS)
    [record] = plane.quarantine.receive()
    assert (record.description["kind"], record.description["code"]) == ("assignment_row", "postgres_22P05")
    assert plane.history
    payload = plane.quarantine.read_payload(record) or b""
    assert redrive_row(plane.history, payload) == "postgres_22P05"
    assert redrive_row(plane.history, payload.replace(b"\\u0000", b"-")) is None
    assert ("a-b", expected[identity][1]) in synced_rows(database).values()


def history(settings: Settings, clients: Clients, **fields: Any) -> AssignmentHistory:
    return AssignmentHistory(clients, replace(settings, **fields))


def test_the_secret_opens_it_also_after_its_rotation(
    database: Postgres, service_clients: Clients, aws_settings: Settings
) -> None:
    name = str(uuid.uuid4())
    secret = {"host": HOST, "port": database.port, "dbname": "postgres", "username": "realtime"}
    secret |= {"password": "first", "sslmode": "disable"}
    created = service_clients.secrets.create_secret(Name=name, SecretString=json.dumps(secret))
    database.run(
        "DROP ROLE IF EXISTS realtime; CREATE ROLE realtime LOGIN PASSWORD 'first';"
        "GRANT SELECT, INSERT, UPDATE ON assignments TO realtime"
    )
    database.require_password("realtime")
    synced = history(aws_settings, service_clients, postgres_secret=created["ARN"])
    assert synced.upsert([row(1)]) == []

    database.run("ALTER ROLE realtime PASSWORD 'second'")
    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'realtime'")
    with pytest.raises(StorageUnavailable, match="28P01"):
        synced.upsert([row(2)])
    service_clients.secrets.put_secret_value(
        SecretId=name, SecretString=json.dumps(secret | {"password": "second"})
    )
    assert synced.upsert([row(2)]) == []
    synced.close()
    assert len(stored(database)) == 2
    database.run("DROP OWNED BY realtime; DROP ROLE realtime")


def test_a_connection_that_died_meanwhile_fails_no_write(
    database: Postgres, service_clients: Clients, aws_settings: Settings
) -> None:
    synced = history(aws_settings, service_clients, postgres_url=database.url)
    synced.upsert([row(1)])
    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'realtime'")
    assert synced.upsert([row(2)]) == []
    assert database.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'realtime'") == [[1]]
    synced.close()


def test_a_lock_on_the_table_is_waited_for_only_so_long(
    database: Postgres, service_clients: Clients, aws_settings: Settings
) -> None:
    synced = history(aws_settings, service_clients, postgres_url=database.url)
    with database.locked(), pytest.raises(StorageUnavailable, match="57014"):
        synced.upsert([row(1)])
    assert synced.upsert([row(1)]) == []
    synced.close()


def test_a_deadline_that_is_near_begins_no_statement(
    plane: Plane, database: Postgres, pump: Pump, handler: Recorded
) -> None:
    plane.assign("u1", "checkout", {})
    pump.drain()
    database.run("TRUNCATE assignments")
    [event] = handler.events
    answer = plane.sync(event, lambda: 3.5)
    first = event["Records"][0]["dynamodb"]["SequenceNumber"]
    assert answer["batchItemFailures"] == [{"itemIdentifier": first}]
    assert synced_rows(database) == {}


def test_what_is_encrypted_is_verified_if_asked_for(
    database: Postgres, service_clients: Clients, aws_settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(StorageUnavailable):  # its build has no TLS, and it is not sent in the clear
        history(aws_settings, service_clients, postgres_url=database.url.partition("?")[0]).upsert([row(1)])
    with tls_before(database.port, tmp_path) as (port, certificate):
        secret = {"host": "localhost", "port": port, "dbname": "postgres", "username": "postgres"}

        def attempt(**fields: str | None) -> list[RefusedRow]:
            text = json.dumps(secret | fields)
            made = service_clients.secrets.create_secret(Name=str(uuid.uuid4()), SecretString=text)
            synced = history(aws_settings, service_clients, postgres_secret=made["ARN"])
            try:
                return synced.upsert([row(1)])
            finally:
                synced.close()

        assert attempt() == []
        assert attempt(sslmode="verify-full", sslrootcert=certificate) == []
        for wrong in ({"sslrootcert": None}, {"host": HOST}):  # signed by nobody known; for another name
            with pytest.raises(StorageUnavailable) as refused:
                attempt(**{"sslmode": "verify-full", "sslrootcert": certificate} | wrong)
            assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)
