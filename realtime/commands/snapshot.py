"""`snapshot`: write what is published, and the API keys, by which containers decide without DynamoDB."""

import json
from collections.abc import Callable
from dataclasses import asdict

from rich.console import Console

from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.snapshots import SnapshotStore


def write_snapshot(
    console: Console,
    definitions: DefinitionStore,
    snapshots: SnapshotStore,
    write_keys: Callable[[float], bool],
    now: float,
    *,
    as_json: bool,
) -> None:
    """Also that of API keys: ``write_keys`` says whether it is new.

    Raises StorageUnavailable, Throttled or InvalidInput.
    """
    before = snapshots.read_pointer()
    pointer = snapshots.write(definitions.take_snapshot, now)
    is_new, has_new_keys = pointer != before, write_keys(now)
    if as_json:
        print(json.dumps({**asdict(pointer), "is_new": is_new, "has_new_keys": has_new_keys}))
        return
    verb = "[green]Written[/green]" if is_new else "It is up to date"
    size = f"{pointer.size:,} bytes"
    console.print(f"{verb}: version {pointer.version}, {size}, {pointer.taken_at}.", highlight=False)
    console.print(f"[dim]SHA-256 {pointer.sha256}[/dim]", highlight=False, soft_wrap=True)
    console.print("API keys: " + ("[green]written[/green]." if has_new_keys else "up to date."))
