"""The platform's table `assignments` in PostgreSQL: all assignments ever made (docs/postgresql.md)."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.assignment_history import HistoryRow, RefusedRow, write_payload
from chalicelib.settings import Settings
from chalicelib.stores.postgres_address import find_address
from chalicelib.stores.resilience import OutOfTime, guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients
    from chalicelib.stores.postgres_connection import ClosingConnection

TIMEOUT_SECONDS = 3.0
"""To connect, or to wait for an answer. The server gives up earlier, so no statement outlives the call."""
STATEMENT_MILLISECONDS = 2000
ROW_ERRORS = ("22", "23")
"""Classes of SQLSTATE that are the row's fault: data exceptions, and violated constraints."""

# Columns have the table's own types, text or uuid. `HistoryRow.merge` is the same merge in Python. In the
# order of ids, two statements that write the same rows wait for one another, but never each for the other.
UPSERT = """
INSERT INTO assignments AS stored (id, experiment_id, variant_id, user_id, created_at, updated_at)
SELECT id, experiment_id, variant_id, user_id, created_at, updated_at
FROM json_populate_recordset(NULL::assignments, :rows)
ORDER BY id
ON CONFLICT (id) DO UPDATE SET
    variant_id = CASE
        WHEN stored.updated_at < excluded.updated_at THEN excluded.variant_id ELSE stored.variant_id
    END,
    created_at = least(stored.created_at, excluded.created_at),
    updated_at = greatest(stored.updated_at, excluded.updated_at)
WHERE stored.updated_at < excluded.updated_at OR stored.created_at > excluded.created_at
"""


class AssignmentHistory:
    """Each container has one connection. The first write opens it, and the next write after a failure."""

    def __init__(self, clients: "Clients", settings: Settings) -> None:
        self._clients = clients
        self._settings = settings
        self._connection: ClosingConnection | None = None

    def upsert(self, rows: Sequence[HistoryRow]) -> list[RefusedRow]:
        """One statement writes all rows. If it is refused, each half is written by itself, and so on: this
        finds the rows that PostgreSQL refuses, and writes all others."""
        try:
            self._write(rows)
        except _Refused as refused:
            if len(rows) == 1:
                return [RefusedRow(rows[0], refused.state)]
            half = len(rows) // 2
            return self.upsert(rows[:half]) + self.upsert(rows[half:])
        return []

    @guarded
    def _write(self, rows: Sequence[HistoryRow]) -> None:
        is_reused = self._connection is not None
        try:
            self._run(rows)
        except StorageUnavailable:
            if not is_reused:
                raise
            self._run(rows)  # the connection may have died while the container was frozen

    def _run(self, rows: Sequence[HistoryRow]) -> None:
        from pg8000.native import DatabaseError, Error

        if deadline.get_remaining() < TIMEOUT_SECONDS:
            raise OutOfTime
        try:
            if self._connection is None:
                address = find_address(self._clients, self._settings)
                self._connection = address.connect(TIMEOUT_SECONDS, STATEMENT_MILLISECONDS)
            self._connection.run(UPSERT, rows=f"[{','.join(write_payload(row).decode() for row in rows)}]")
        except DatabaseError as error:
            state = str(error.args[0].get("C", ""))
            if state.startswith(ROW_ERRORS):
                raise _Refused(state) from None  # its message quotes the row
            self.close()
            raise StorageUnavailable(f"PostgreSQL refused the write ({state}); try again.") from error
        except (Error, OSError) as error:
            self.close()
            raise StorageUnavailable from error

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is broken already
                connection.close()


class _Refused(Exception):
    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state
