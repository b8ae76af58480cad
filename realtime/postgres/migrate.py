"""Apply the migrations that a database does not have yet: all of them, or none."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from realtime.postgres.migrations import Migration, TableOwner, read_migrations
from realtime.postgres.table_shape import check_table, is_there

if TYPE_CHECKING:
    from chalicelib.stores.postgres_connection import ClosingConnection

LOCK = 0x7265616C74696D65  # "realtime" in ASCII
LOCK_SECONDS = 60
APPLIED = """
CREATE TABLE IF NOT EXISTS realtime_migrations (
    version    integer     PRIMARY KEY,
    name       text        NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True, slots=True)
class Migrated:
    """The migrations that were applied, or would be; and what the table will refuse."""

    applied: list[Migration]
    warnings: list[str]


def migrate(connection: "ClosingConnection", owner: TableOwner, *, dry_run: bool = False) -> Migrated:
    """In one transaction, under a lock: it may be run twice, and by two at once.

    Raises ValueError that names every column of an existing table that does not fit; nothing is changed then.
    """
    connection.run(f"BEGIN; SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
    connection.run(f"SELECT pg_advisory_xact_lock({LOCK})")
    try:
        migrated = _migrate(connection, owner, dry_run=dry_run)
    except BaseException:
        connection.run("ROLLBACK")
        raise
    connection.run("ROLLBACK" if dry_run else "COMMIT")
    return migrated


def _migrate(connection: "ClosingConnection", owner: TableOwner, *, dry_run: bool) -> Migrated:
    is_existing = is_there(connection, "assignments")
    if is_existing:
        warnings = require_fit(connection)
        if owner == "platform":  # it belongs to the platform, which changes it
            return Migrated([], warnings)
    versions = _read_versions(connection)
    pending = [migration for migration in read_migrations(owner) if migration.version not in versions]
    if pending and not dry_run:
        connection.run(APPLIED)
        for migration in pending:
            connection.run(migration.sql)
            connection.run(
                "INSERT INTO realtime_migrations (version, name) VALUES (:version, :name)",
                version=migration.version,
                name=migration.name,
            )
    return Migrated(pending, warnings if is_existing else [])


def _read_versions(connection: "ClosingConnection") -> set[int]:
    if not is_there(connection, "realtime_migrations"):
        return set()
    return {row[0] for row in connection.run("SELECT version FROM realtime_migrations")}


def require_fit(connection: "ClosingConnection") -> list[str]:
    """Warnings about the table `assignments`; ValueError if no row could be written to it."""
    fit = check_table(connection)
    if fit.problems:
        raise ValueError(f"the table assignments does not fit: {'; '.join(fit.problems)}")
    return fit.warnings
