"""`backup`: all definitions with their history, in one file."""

from collections.abc import Iterator, Mapping

from rich.console import Console

from chalicelib.domain.definitions.model import DefinitionName, DefinitionRow, Definitions
from chalicelib.domain.keys import Keys
from chalicelib.domain.publishing.documents import KINDS
from chalicelib.domain.timestamps import format_timestamp
from realtime.backup.format import Backup, decode, describe, encode
from realtime.backup.places import Place


def back_up(
    console: Console,
    definitions: Definitions,
    keys: Keys | None,
    place: Place,
    name: str,
    *,
    environment: str,
    now: float,
) -> None:
    """Write everything that is published to ``place``, which the user calls ``name``, and read it back.

    ``keys`` None leaves them out. Raises ValueError if nothing is published.
    """
    with console.status("Reading all versions …"):
        versions = tuple(sorted(definitions.get_versions(), key=lambda row: (row.version, row.kind, row.key)))
        if not versions:
            raise ValueError("nothing is published here, so there is nothing to back up")
        stored_keys = None if keys is None else tuple(sorted(keys.get_all(), key=lambda key: key.id))
        in_force = {(kind, key): row for kind in KINDS for key, row in definitions.get_all(kind).items()}
    backup = Backup(environment, format_timestamp(now, "seconds"), versions, stored_keys)
    for difference in _list_differences(backup, in_force):
        console.print(f"[yellow]{difference}[/yellow]", highlight=False, soft_wrap=True)
    data = encode(backup)
    decode(data)  # before it is written
    with console.status(f"Writing {len(data):,} bytes …"):
        place.write(data)
        if place.read() != data:
            raise ValueError(f"{name} does not hold what was written to it; write it again elsewhere")
    console.print(f"Backed up {describe(backup)}.", highlight=False, soft_wrap=True)
    console.print(f"{len(data):,} bytes in {name}, read back and checked.", highlight=False, soft_wrap=True)


def _list_differences(backup: Backup, in_force: Mapping[DefinitionName, DefinitionRow]) -> Iterator[str]:
    """Rows that somebody has changed without publishing them. The backup has what was published."""
    latest = {(row.kind, row.key): row for row in backup.list_latest()}
    for name, row in in_force.items():
        if row.version <= backup.version and row != latest.get(name):
            yield (
                f"{row.kind} {row.key} was changed by hand after version {row.version}: "
                "the backup has what was published. Publish it again to keep the change."
            )
