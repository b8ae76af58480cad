"""Snapshots of API keys in S3: every change of a key leaves one, and the heartbeat confirms it."""

import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.errors import InvalidInput, NotFound, StorageUnavailable
from chalicelib.domain.key_snapshot import MAX_KEYS, KeySnapshot
from chalicelib.domain.keys import ApiKey, digest
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.key_snapshots import CONFIRMATION, POINTER, KeySnapshotStore
from chalicelib.stores.keys import KeyStore
from realtime.commands.keys import create_key, revoke_key
from realtime.heartbeat import confirm_keys
from realtime.local.clients import Clients as LocalClients
from tests.support.api_keys import store_key
from tests.support.experiments import published_flag

WEB, SHOP = store_key("assign", "flags", name="web"), store_key("events", name="shop é")


class World:
    def __init__(self, settings: Settings, clients: Clients, aws: LocalClients) -> None:
        self.settings, self.clients, self.aws = settings, clients, aws
        self.keys = KeyStore(clients, settings.keys_table)
        self.snapshots = KeySnapshotStore(clients, settings.archive_bucket)
        self.output = io.StringIO()
        self.console = Console(file=self.output, width=60)

    def write(self, now: float | None = None) -> bool:
        return self.snapshots.write(self.keys.get_all, time.time() if now is None else now)

    def read(self) -> KeySnapshot:
        """As a container does that has read none."""
        snapshot = KeySnapshotStore(self.clients, self.settings.archive_bucket).read()
        assert snapshot is not None
        return snapshot

    def confirm(self, now: float) -> None:
        bucket, table = self.settings.archive_bucket, self.settings.keys_table
        confirm_keys(self.aws.s3, bucket, self.aws.dynamodb, table, now)

    def put_object(self, key: str, body: bytes) -> None:
        self.clients.s3.put_object(Bucket=self.settings.archive_bucket, Key=key, Body=body)

    def list_objects(self) -> set[str]:
        listed = self.clients.s3.list_objects_v2(Bucket=self.settings.archive_bucket)
        return {item["Key"] for item in listed.get("Contents", ())}


@pytest.fixture
def world(aws_settings: Settings, service_clients: Clients, aws_clients: LocalClients) -> World:
    return World(aws_settings, service_clients, aws_clients)


def test_it_has_every_key_as_the_table_has_it_and_no_key_in_clear(world: World) -> None:
    key = create_key(
        world.console, world.keys, "flags,assign", "web", "90d", snapshots=world.snapshots, now=time.time()
    )
    stored = world.keys.get(digest(key))
    world.keys.mark_used(digest(key), time.time(), 0.0)  # which is no change
    assert world.read().keys == {digest(key): stored}
    (content,) = world.list_objects() - {POINTER}
    body = world.clients.s3.get_object(Bucket=world.settings.archive_bucket, Key=content)["Body"].read()
    assert digest(key).encode() in body
    assert key.encode() not in body
    assert not world.write()


def test_a_revocation_is_in_it_before_the_command_says_so(world: World) -> None:
    create_key(world.console, world.keys, "flags", "web", snapshots=world.snapshots)
    (key,) = world.keys.get_all()
    assert revoke_key(world.console, world.keys, key.id[:12], snapshots=world.snapshots) == 0
    assert world.read().keys[key.id].revoked
    assert "refused everywhere within a minute or two" in " ".join(world.output.getvalue().split())


def test_a_command_says_so_if_the_snapshot_cannot_be_written(world: World) -> None:
    nowhere = KeySnapshotStore(world.clients, "no-such-bucket-anywhere")
    create_key(world.console, world.keys, "flags", "web", snapshots=nowhere)
    output = " ".join(world.output.getvalue().split())
    assert "would refuse the key" in output
    (key,) = world.keys.get_all()
    assert revoke_key(world.console, world.keys, key.id, snapshots=nowhere) == 1
    output = " ".join(world.output.getvalue().split())
    assert "in the table only" in output
    assert "Run `python -m realtime snapshot`" in output
    assert world.keys.get_all()[0].revoked


def test_without_table_and_snapshot_nothing_is_said_to_be_revoked(world: World) -> None:
    class Gone(KeyStore):
        def get_all(self) -> list[ApiKey]:
            raise StorageUnavailable

    gone = Gone(world.clients, world.settings.keys_table)
    with pytest.raises(StorageUnavailable, match="no snapshot"):
        revoke_key(world.console, gone, WEB.id, snapshots=world.snapshots)
    world.keys.put(WEB)
    world.write()
    with pytest.raises(NotFound, match="0 keys"):
        revoke_key(world.console, gone, SHOP.id, snapshots=world.snapshots)
    assert revoke_key(world.console, gone, WEB.id, snapshots=world.snapshots) == 1
    assert world.read().keys[WEB.id].revoked


def test_a_publish_writes_it_too(world: World) -> None:
    world.keys.put(WEB)
    store = DefinitionStore(world.clients, world.settings, write_keys=world.write)
    store.publish([published_flag("on")], 0, time.time())
    assert world.read().keys == {WEB.id: WEB}


def test_a_publish_takes_effect_though_no_key_can_be_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: float) -> None:
        raise StorageUnavailable

    store = DefinitionStore(world.clients, world.settings, write_keys=fail)
    assert store.publish([published_flag("on")], 0, time.time()) == 1
    assert "The snapshot of keys was not written" in caplog.text


def test_a_writer_that_read_the_table_before_a_revocation_does_not_undo_it(world: World) -> None:
    world.keys.put(WEB)
    revoked = replace(WEB, revoked="2026-02-01T00:00:00Z")
    taken: list[list[ApiKey]] = []

    def take_late() -> list[ApiKey]:
        keys = world.keys.get_all()
        if not taken:  # the revocation comes between its look at the table and its write
            world.keys.put(revoked)
            world.write()
        taken.append(keys)
        return keys

    world.snapshots.write(take_late, time.time())
    assert taken == [[WEB], [revoked]]
    assert world.read().keys == {WEB.id: revoked}


def test_the_heartbeat_says_that_it_is_in_force_while_the_table_has_the_same(world: World) -> None:
    expiring = replace(SHOP, expires="2027-02-24T12:00:00Z")
    revoked = replace(store_key("results"), revoked="2026-02-01T00:00:00Z", label='a "label" \\ <b>')
    for key in (WEB, expiring, revoked):
        world.keys.put(key)
    now = time.time()
    world.write(now - 20_000)
    assert world.read().in_force_at == pytest.approx(now - 20_000, abs=0.001)
    world.confirm(now - 100)
    assert world.read().in_force_at == pytest.approx(now - 100, abs=0.001)
    world.keys.put(replace(WEB, revoked="2026-02-01T00:00:00Z"))
    world.confirm(now)
    assert world.read().in_force_at == pytest.approx(now - 100, abs=0.001)


def test_a_confirmation_of_another_snapshot_makes_none_younger(world: World) -> None:
    now = time.time()
    world.write(now - 500)
    world.confirm(now - 10)
    world.keys.put(WEB)
    world.write(now - 300)
    assert world.read().in_force_at == pytest.approx(now - 300, abs=0.001)


def test_a_revocation_in_the_snapshot_alone_makes_it_no_younger(world: World) -> None:
    now = time.time()
    world.keys.put(WEB)
    world.write(now - 500)
    world.confirm(now - 200)
    assert world.snapshots.revoke(WEB.id, format_timestamp(now, "seconds"), now)
    snapshot = world.read()
    assert snapshot.in_force_at == pytest.approx(now - 200, abs=0.001)
    assert parse_timestamp(snapshot.keys[WEB.id].revoked or "") == pytest.approx(now, abs=1)
    world.confirm(now)  # the table has the key as it was
    assert world.read().in_force_at == pytest.approx(now - 200, abs=0.001)


def test_the_clock_of_a_writer_makes_it_no_younger_than_s3_says(world: World) -> None:
    world.write(time.time() + 86_400)
    world.confirm(time.time() + 86_400)
    assert world.read().in_force_at < time.time() + 5


def overwrite_pointer(world: World) -> None:
    world.put_object(POINTER, b"{")


def overwrite_confirmation(world: World) -> None:
    world.put_object(CONFIRMATION, b'{"format": "realtime-keys-1", "sha256": 1, "in_force_at": 1}')


def overwrite_content(world: World) -> None:
    (content,) = world.list_objects() - {POINTER, CONFIRMATION}
    world.put_object(content, json.dumps(["realtime-keys-1", []]).encode())


def delete_content(world: World) -> None:
    (content,) = world.list_objects() - {POINTER, CONFIRMATION}
    world.clients.s3.delete_object(Bucket=world.settings.archive_bucket, Key=content)


@pytest.mark.parametrize(
    ("damage", "is_read"),
    [
        (overwrite_pointer, False),
        (overwrite_content, False),
        (delete_content, False),
        (overwrite_confirmation, True),
    ],
)
def test_what_is_damaged_opens_nothing_until_the_next_write(
    world: World, damage: Callable[[World], Any], is_read: bool
) -> None:
    world.keys.put(WEB)
    world.write()
    world.confirm(time.time())
    damage(world)
    reader = KeySnapshotStore(world.clients, world.settings.archive_bucket)
    try:
        snapshot = reader.read()
    except StorageUnavailable:
        snapshot = None
    assert (snapshot is not None) is is_read
    world.write()
    assert world.read().keys == {WEB.id: WEB}


def test_more_keys_than_it_may_have_are_an_error_that_says_so(world: World) -> None:
    many = [replace(WEB, id=f"{number:064x}") for number in range(MAX_KEYS + 1)]
    with pytest.raises(InvalidInput, match="delete revoked ones"):
        world.snapshots.write(lambda: many, time.time())
    assert world.snapshots.read() is None
