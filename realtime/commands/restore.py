"""`restore`: what a backup has, into an empty environment with its history, or as one publication."""

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple

from rich.console import Console

from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.keys import ApiKey, Keys
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.documents import parse_row
from chalicelib.domain.publishing.impact.sampled import ReadRecent
from realtime.backup.format import Backup, decode, describe
from realtime.backup.places import Place
from realtime.commands.publish import AT_ONCE, Confirm, Submission, list_nothing, publish_backup
from realtime.commands.replay import create_progress
from realtime.safe_reading.shown_text import format_count


def restore(
    console: Console,
    definitions: Definitions,
    keys: Keys | None,
    place: Place,
    name: str,
    *,
    publisher: Author,
    confirm: Confirm,
    write_key_snapshot: Callable[[float], object] = lambda _: None,
    replace: bool = False,
    dry_run: bool = False,
    now: float | None = None,
    read_recent: ReadRecent = list_nothing,
    submission: Submission = AT_ONCE,
) -> int:
    """Restore what ``place`` holds, which the user calls ``name``. Returns the exit status.

    ``keys`` None leaves them out. ``replace`` publishes the last versions over those that are published.
    """
    now = time.time() if now is None else now
    backup = _read_backup(place, name)
    if keys is not None and backup.keys is None:
        raise ValueError(f"--keys: {name} has no keys; it was made without --keys")
    console.print(f"{name} has {describe(backup)}.", highlight=False, soft_wrap=True)
    newest = definitions.get_changes(None).version
    if newest and replace:
        note = f"restored version {backup.version} of {backup.environment}"
        marked = publisher._replace(note=", ".join(filter(None, (note, publisher.note))))
        latest = backup.list_latest()
        options = {"dry_run": dry_run, "now": now, "read_recent": read_recent}
        status = publish_backup(
            console,
            definitions,
            latest,
            publisher=marked,
            confirm=confirm,
            submission=submission,
            **options,  # type: ignore[arg-type]
        )
        if status:
            return status
    else:
        _warn_of_invalid(console, backup)
        _restore_history(console, definitions, backup, newest, replace, dry_run, now)
    if keys is not None:
        _restore_keys(console, keys, backup.keys or (), dry_run)
        if not dry_run:
            write_key_snapshot(now)
    elif backup.keys:
        console.print(f"{format_count(len(backup.keys), 'API key')} left out (--keys restores them).")
    return 0


def _read_backup(place: Place, name: str) -> Backup:
    data = place.read()
    try:
        return decode(data)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _restore_history(
    console: Console,
    definitions: Definitions,
    backup: Backup,
    newest: int,
    discard: bool,
    dry_run: bool,
    now: float,
) -> None:
    if newest:
        _check_restored(console, definitions, backup, newest)
        return
    if dry_run:
        console.print("Nothing is published here: all of it would be restored as it is (--dry-run).")
        return
    latest = backup.list_latest()
    with create_progress(console) as progress:
        task = progress.add_task("Restoring", total=len(backup.versions) + len(latest))
        definitions.restore(
            backup.versions, now, discard=discard, on_written=lambda count: progress.advance(task, count)
        )
    if not _has_versions(definitions, backup.versions):
        raise ValueError("what is stored differs from the backup; look at `history`")
    console.print(
        f"[green]Restored.[/green] Version {backup.version} is in force; the next one is "
        f"{backup.version + 1}.",
        highlight=False,
    )


def _check_restored(console: Console, definitions: Definitions, backup: Backup, newest: int) -> None:
    """Raises ValueError unless the backup is what is published."""
    if newest == backup.version and _has_versions(definitions, backup.versions):
        console.print("It is restored already: nothing changes.")
        return
    raise ValueError(
        f"definitions are published here already, up to version {newest}. History can only be restored where "
        f"nothing is published. --replace publishes what the backup has in force, as version {newest + 1}"
    )


def _has_versions(definitions: Definitions, versions: Sequence[DefinitionRow]) -> bool:
    stored = {astuple(row) for row in definitions.get_versions()}
    return {astuple(row) for row in versions} <= stored


def _warn_of_invalid(console: Console, backup: Backup) -> None:
    for row in backup.list_latest():
        if row.text and parse_row(row) is None:
            console.print(
                f"[yellow]{row.kind} {row.key} is not valid in this version of the program: it cannot "
                "be served until it is published again.[/yellow]",
                highlight=False,
                soft_wrap=True,
            )


def _restore_keys(console: Console, keys: Keys, wanted: Sequence[ApiKey], dry_run: bool) -> None:
    """A key that exists stays as it is, so that one that was revoked stays revoked."""
    existing = {key.id for key in keys.get_all()}
    missing = [key for key in wanted if key.id not in existing]
    for key in missing:
        if not dry_run:
            keys.put(key)
    verb = "would be restored" if dry_run else "restored"
    console.print(
        f"{format_count(len(missing), 'API key')} {verb}, {len(wanted) - len(missing):,} there already.",
        highlight=False,
    )
