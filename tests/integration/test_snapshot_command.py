"""`snapshot` repairs what a publish could not write, and `status` asks for it."""

import json
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.snapshots import SnapshotStore
from realtime.commands.snapshot import write_snapshot
from realtime.commands.snapshot_file import read_snapshot, save_snapshot
from tests.support.experiments import published_flag


def make_console() -> tuple[Console, StringIO]:
    output = StringIO()
    return Console(file=output, width=60), output


def test_it_writes_what_is_missing_and_says_so(
    aws_settings: Settings, service_clients: Clients, capsys: pytest.CaptureFixture[str]
) -> None:
    store = DefinitionStore(service_clients, aws_settings)
    snapshots = SnapshotStore(service_clients, aws_settings.archive_bucket)
    store.publish([published_flag("on")], 0, time.time())
    console, output = make_console()
    keys_are_new = iter((True, False, False))

    def write(*, as_json: bool) -> None:
        write_snapshot(console, store, snapshots, lambda _: next(keys_are_new), time.time(), as_json=as_json)

    write(as_json=False)
    assert output.getvalue().startswith("Written: version 1, ")
    assert "API keys: written." in output.getvalue()
    write(as_json=False)
    assert "It is up to date: version 1, " in output.getvalue()
    assert "API keys: up to date." in output.getvalue()
    write(as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert (printed["version"], printed["is_new"], printed["has_new_keys"]) == (1, False, False)


def test_it_saves_a_file_and_overwrites_none(
    aws_settings: Settings, service_clients: Clients, tmp_path: Path
) -> None:
    store = DefinitionStore(service_clients, aws_settings)
    store.publish([published_flag("on")], 0, time.time())
    console, output = make_console()
    path = tmp_path / "definitions.snapshot"
    save_snapshot(console, store.take_snapshot(), path, time.time())
    assert read_snapshot(path) == store.take_snapshot()
    assert "version 1, 1 definition." in output.getvalue().replace("\n", " ")
    with pytest.raises(ValueError, match="exists already"):
        save_snapshot(console, store.take_snapshot(), path, time.time())
