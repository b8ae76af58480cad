"""The platform's table `assignments` in PostgreSQL: all assignments ever made (docs/postgres.sql)."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.assignment_history import HistoryRow
from chalicelib.settings import Settings
from chalicelib.stores.resilience import OutOfTime, guarded

if TYPE_CHECKING:
    from ssl import SSLContext

    from chalicelib.stores.clients import Clients
    from chalicelib.stores.postgres_connection import ClosingConnection

TIMEOUT_SECONDS = 3.0
"""To connect, or to wait for an answer. The server gives up earlier, so no statement outlives the call."""
STATEMENT_MILLISECONDS = "2000"
ROW_ERRORS = ("22", "23")
"""Classes of SQLSTATE that are the row's fault: data exceptions, and violated constraints."""

# Columns have the table's own types, text or uuid. `HistoryRow.merge` is the same merge in Python.
UPSERT = """
INSERT INTO assignments AS stored (id, experiment_id, variant_id, user_id, created_at, updated_at)
SELECT id, experiment_id, variant_id, user_id, created_at, updated_at
FROM json_populate_recordset(NULL::assignments, :rows)
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
        self._secret = settings.postgres_secret
        self._url = settings.postgres_url
        self._connection: ClosingConnection | None = None

    def upsert(self, rows: Sequence[HistoryRow]) -> list[str]:
        """One statement writes all rows. If it is refused, each half is written by itself, and so on: this
        finds the rows that PostgreSQL refuses, and writes all others."""
        try:
            self._write(rows)
        except _Refused as refused:
            if len(rows) == 1:
                return [refused.state]
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
                self._connection = self._connect()
            self._connection.run(UPSERT, rows=orjson.dumps([asdict(row) for row in rows]).decode())
        except DatabaseError as error:
            state = str(error.args[0].get("C", ""))
            if state.startswith(ROW_ERRORS):
                raise _Refused(state) from None  # its message quotes the row
            self.close()
            raise StorageUnavailable(f"PostgreSQL refused the write ({state}); try again.") from error
        except (Error, OSError) as error:
            self.close()
            raise StorageUnavailable from error

    def _connect(self) -> "ClosingConnection":
        """Reads the secret each time, because it may have been rotated."""
        from chalicelib.stores.postgres_connection import ClosingConnection

        address = parse_url(self._url) if self._url else parse_secret(self._secret_value())
        return ClosingConnection(
            address.user,
            host=address.host,
            port=address.port,
            database=address.database,
            password=address.password,
            ssl_context=address.ssl_context(),
            timeout=TIMEOUT_SECONDS,
            application_name="realtime",
            startup_params={"statement_timeout": STATEMENT_MILLISECONDS},
        )

    def _secret_value(self) -> str:
        return str(self._clients.secrets.get_secret_value(SecretId=self._secret)["SecretString"])

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is broken already
                connection.close()


@dataclass(frozen=True, slots=True)
class Address:
    host: str
    port: int
    database: str
    user: str
    password: str
    sslmode: str = "require"
    sslrootcert: str | None = None
    """PEM text; None: the authorities that the machine trusts."""

    def ssl_context(self) -> "SSLContext | bool":
        """False without TLS. As in libpq, ``require`` encrypts but does not verify the server."""
        if self.sslmode == "disable":
            return False
        import ssl

        context = ssl.create_default_context(cadata=self.sslrootcert)
        if self.sslmode != "verify-full":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def parse_secret(text: str) -> Address:
    """A secret as RDS and the platform write it. Raises ValueError that names the missing fields."""
    return _build_address(json.loads(text), "the secret of REALTIME_POSTGRES_SECRET")


def parse_url(url: str) -> Address:
    """`postgresql://user:password@host:port/database?sslmode=disable`."""
    parts = urlsplit(url)
    fields = {
        "host": parts.hostname,
        "port": parts.port,
        "dbname": unquote(parts.path.lstrip("/")),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    return _build_address(fields | dict(parse_qsl(parts.query)), "REALTIME_POSTGRES_URL")


def _build_address(fields: dict[str, Any], source: str) -> Address:
    missing = [name for name in ("host", "dbname", "username") if not fields.get(name)]
    if missing:
        raise ValueError(f"{source} must have {', '.join(missing)}")
    sslmode = fields.get("sslmode", "require")
    if sslmode not in ("disable", "require", "verify-full"):
        raise ValueError(f"{source}: sslmode must be disable, require or verify-full; it is {sslmode!r}")
    return Address(
        host=fields["host"],
        port=int(fields.get("port") or 5432),
        database=fields["dbname"],
        user=fields["username"],
        password=fields.get("password", ""),
        sslmode=sslmode,
        sslrootcert=fields.get("sslrootcert"),
    )


class _Refused(Exception):
    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state
