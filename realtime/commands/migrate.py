"""`migrate`: bring PostgreSQL to the shape that assignments are written to."""

from rich.console import Console

from chalicelib.stores.postgres_address import Address
from realtime.postgres.connection import connect
from realtime.postgres.migrate import Migrated, migrate
from realtime.postgres.migrations import TableOwner


def run_migrate(console: Console, address: Address, owner: TableOwner, *, dry_run: bool) -> None:
    with connect(address) as connection:
        migrated = migrate(connection, owner, dry_run=dry_run)
    if dry_run:
        for migration in migrated.applied:
            print(f"-- {migration.name}\n{migration.sql}")
    say(console, address, migrated, owner, dry_run=dry_run)


def say(
    console: Console, address: Address, migrated: Migrated, owner: TableOwner, *, dry_run: bool = False
) -> None:
    names = ", ".join(migration.name for migration in migrated.applied)
    if dry_run:
        outcome = "-- Nothing was changed." if names else "-- Nothing to do."
    elif names:
        outcome = f"applied {names}."
    else:
        outcome = "the platform's table fits." if owner == "platform" else "up to date."
    console.print(
        outcome if dry_run else f"PostgreSQL at {address}: {outcome}", markup=False, highlight=False
    )
    for warning in migrated.warnings:
        console.print(f"{'-- ' if dry_run else ''}Warning: {warning}.", markup=False, highlight=False)
