"""`snapshot`: write the snapshot of what is published, from which containers decide without DynamoDB."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from chalicelib.domain.definitions.snapshot import encode_snapshot
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.snapshots import SnapshotStore
from realtime.backup.format import format_count
from realtime.backup.places import LocalFile


def write_snapshot(
    console: Console, definitions: DefinitionStore, snapshots: SnapshotStore, now: float, *, as_json: bool
) -> None:
    """Raises StorageUnavailable or Throttled."""
    before = snapshots.read_pointer()
    pointer = snapshots.write(definitions.take_snapshot, now)
    is_new = pointer != before
    if as_json:
        print(json.dumps({**asdict(pointer), "is_new": is_new}))
        return
    verb = "[green]Written[/green]" if is_new else "It is up to date"
    size = f"{pointer.size:,} bytes"
    console.print(f"{verb}: version {pointer.version}, {size}, {pointer.taken_at}.", highlight=False)
    console.print(f"[dim]SHA-256 {pointer.sha256}[/dim]", highlight=False, soft_wrap=True)


def save_snapshot(console: Console, definitions: DefinitionStore, to: Path) -> None:
    """Raises ValueError if the file exists."""
    snapshot = definitions.take_snapshot()
    LocalFile(to).write(encode_snapshot(snapshot))
    count = format_count(len(snapshot.rows), "definition")
    console.print(f"{to}: version {snapshot.version}, {count}.", highlight=False, soft_wrap=True)
