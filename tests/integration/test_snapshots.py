"""Snapshots in S3: every writer of definitions leaves one, whoever else publishes at the time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import Conflict, StorageUnavailable
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.snapshot_folder import KEPT_SECONDS
from chalicelib.stores.snapshots import POINTER, SnapshotStore
from tests.support.experiments import published, published_flag, published_segment

ROWS = [published("checkout"), published_flag("on"), published_segment("all", when=True)]


@pytest.fixture
def snapshots(aws_settings: Settings, service_clients: Clients) -> SnapshotStore:
    return SnapshotStore(service_clients, aws_settings.archive_bucket)


@pytest.fixture
def store(aws_settings: Settings, service_clients: Clients, snapshots: SnapshotStore) -> DefinitionStore:
    return DefinitionStore(service_clients, aws_settings, None, snapshots)


@pytest.fixture
def bucket(aws_settings: Settings, service_clients: Clients) -> "Bucket":
    return Bucket(service_clients.s3, aws_settings.archive_bucket)


class Bucket:
    def __init__(self, s3: Any, name: str) -> None:
        self._s3, self._name = s3, name

    def list_keys(self) -> set[str]:
        return {item["Key"] for item in self._s3.list_objects_v2(Bucket=self._name).get("Contents", ())}

    def overwrite(self, key: str, data: bytes) -> None:
        self._s3.put_object(Bucket=self._name, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self._name, Key=key)


def read_rows(store: DefinitionStore) -> dict[Any, DefinitionRow]:
    kinds: Any = ("experiment", "flag", "segment")
    return {(kind, key): row for kind in kinds for key, row in store.get_all(kind).items()}


def test_without_one_nothing_is_read(snapshots: SnapshotStore) -> None:
    assert snapshots.read(0) is None
    assert snapshots.read_pointer() is None


def test_every_publish_writes_what_is_in_force(store: DefinitionStore, snapshots: SnapshotStore) -> None:
    store.publish(ROWS, 0, time.time())
    store.publish([published_flag("on", enabled=False), replace(ROWS[2], text="")], 1, time.time())
    snapshot = snapshots.read(2)
    assert snapshot is not None
    assert snapshot.version == 2
    assert snapshot.rows == read_rows(store)
    assert snapshot.rows.keys() == {("experiment", "checkout"), ("flag", "on")}
    assert snapshots.read(3) is None


def test_a_restore_writes_one(
    store: DefinitionStore, snapshots: SnapshotStore, aws_settings: Settings, service_clients: Clients
) -> None:
    versions = [replace(row, version=41, published_at="2026-01-01T00:00:00.000Z") for row in ROWS]
    store.restore(versions, time.time())
    snapshot = snapshots.read(41)
    assert snapshot is not None
    assert snapshot.rows == read_rows(store)


def test_publishers_at_the_same_time_leave_the_newest(
    store: DefinitionStore, snapshots: SnapshotStore, aws_settings: Settings, service_clients: Clients
) -> None:
    barrier = threading.Barrier(4)

    def publish(number: int) -> None:
        publisher = DefinitionStore(service_clients, aws_settings, None, snapshots)
        barrier.wait(10)
        while True:
            try:
                publisher.publish([published_flag(f"f{number}")], publisher.get_newest_version(), time.time())
            except Conflict:
                continue
            return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(publish, range(4)))
    snapshot = snapshots.read(4)
    assert snapshot is not None
    assert snapshot.rows == read_rows(store)
    assert {key for _, key in snapshot.rows} == {"f0", "f1", "f2", "f3"}


def test_a_late_writer_does_not_replace_a_newer_one(
    store: DefinitionStore, snapshots: SnapshotStore, aws_settings: Settings, service_clients: Clients
) -> None:
    """Somebody else publishes between its look at the tables and its write."""
    store.publish(ROWS, 0, time.time())
    DefinitionStore(service_clients, aws_settings).publish([published_flag("two")], 1, time.time())
    taken: list[int] = []

    def take_late() -> Any:
        snapshot = store.take_snapshot()
        if not taken:
            store.publish([published_flag("three")], 2, time.time())
        taken.append(snapshot.version)
        return snapshot

    assert snapshots.write(take_late, time.time()).version == 3
    assert taken == [2, 3]
    newest = snapshots.read(0)
    assert newest is not None
    assert newest.rows == read_rows(store)


def test_one_of_tables_that_are_gone_is_replaced(
    store: DefinitionStore, snapshots: SnapshotStore, aws_settings: Settings, service_clients: Clients
) -> None:
    store.publish(ROWS, 0, time.time())
    pointer = snapshots.read_pointer()
    assert pointer is not None
    other = DefinitionStore(service_clients, aws_settings)
    assert snapshots.write(lambda: replace(other.take_snapshot(), version=57), time.time()).version == 57
    store.publish([published_flag("on", enabled=False)], 1, time.time())
    newest = snapshots.read_pointer()
    assert newest is not None
    assert newest.version == 2


def test_a_publish_takes_effect_though_no_snapshot_can_be_written(
    aws_settings: Settings, service_clients: Clients, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = SnapshotStore(service_clients, "no-such-bucket-anywhere")
    store = DefinitionStore(service_clients, aws_settings, None, nowhere)
    assert store.publish(ROWS, 0, time.time()) == 1
    assert store.get_newest_version() == 1
    assert "The snapshot was not written" in caplog.text
    assert "no-such-bucket-anywhere" in caplog.text


@pytest.mark.parametrize("damaged", ["pointer", "snapshot"])
def test_a_damaged_one_is_no_answer_and_the_next_publish_mends_it(
    store: DefinitionStore, snapshots: SnapshotStore, bucket: Bucket, damaged: str
) -> None:
    store.publish(ROWS, 0, time.time())
    (content,) = bucket.list_keys() - {POINTER}
    bucket.overwrite(POINTER if damaged == "pointer" else content, b"{")
    if damaged == "pointer":
        assert snapshots.read(0) is None
    else:
        with pytest.raises(StorageUnavailable):
            snapshots.read(0)
    store.publish([published_flag("other")], 1, time.time())
    assert snapshots.read(2) is not None


def test_a_pointer_at_nothing_is_no_answer(
    store: DefinitionStore, snapshots: SnapshotStore, bucket: Bucket
) -> None:
    store.publish(ROWS, 0, time.time())
    (content,) = bucket.list_keys() - {POINTER}
    bucket.delete(content)
    assert snapshots.read(0) is None


def test_old_ones_are_deleted_and_the_newest_is_kept_however_old(
    store: DefinitionStore, snapshots: SnapshotStore, bucket: Bucket
) -> None:
    now = time.time()
    store.publish(ROWS, 0, now)
    store.publish([published_flag("other")], 1, now)
    assert len(bucket.list_keys()) == 3  # another publisher may be about to name one of them
    store.publish([published_flag("third")], 2, now + KEPT_SECONDS + 60)
    (content,) = bucket.list_keys() - {POINTER}
    pointer = snapshots.read_pointer()
    assert pointer is not None
    assert pointer.sha256 in content
    assert snapshots.read(3) is not None
