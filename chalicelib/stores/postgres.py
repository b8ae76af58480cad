"""The platform's table `assignments` in PostgreSQL: all assignments there ever were (docs/postgres.sql)."""

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

    from pg8000.native import Connection

    from chalicelib.stores.clients import Clients

SECONDS = 3.0
"""To connect, or to wait for an answer; the server gives up before, so that no statement outlives us."""
STATEMENT_MILLISECONDS = "2000"
NEVER = ("22", "23")
"""Classes of SQLSTATE that blame the row: data exceptions, and violated constraints."""

# The column types are the table's own, whether text or uuid. `Row.merged` says the same in Python.
UPSERT = """
INSERT INTO assignments AS kept (id, experiment_id, variant_id, user_id, created_at, updated_at)
SELECT id, experiment_id, variant_id, user_id, created_at, updated_at
FROM json_populate_recordset(NULL::assignments, :rows)
ON CONFLICT (id) DO UPDATE SET
    variant_id = CASE
        WHEN kept.updated_at < excluded.updated_at THEN excluded.variant_id ELSE kept.variant_id
    END,
    created_at = least(kept.created_at, excluded.created_at),
    updated_at = greatest(kept.updated_at, excluded.updated_at)
WHERE kept.updated_at < excluded.updated_at OR kept.created_at > excluded.created_at
"""


class AssignmentHistory:
    """One connection for each container, opened by the first write and again after a failure."""

    def __init__(self, clients: "Clients", settings: Settings) -> None:
        self._clients = clients
        self._secret = settings.postgres_secret
        self._url = settings.postgres_url
        self._connection: Connection | None = None

    def upsert(self, rows: Sequence[HistoryRow]) -> list[str]:
        """Writes ``rows``, of distinct ids, in one statement. The SQLSTATE of each that will never fit.

        Those are found by halving; all others are written.
        """
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
        kept = self._connection is not None
        try:
            self._run(rows)
        except StorageUnavailable:
            if not kept:
                raise
            self._run(rows)  # a connection may have died while the container was frozen

    def _run(self, rows: Sequence[HistoryRow]) -> None:
        from pg8000.native import DatabaseError, Error

        if deadline.remaining() < SECONDS:
            raise OutOfTime
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.run(UPSERT, rows=orjson.dumps([asdict(row) for row in rows]).decode())
        except DatabaseError as error:
            state = str(error.args[0].get("C", ""))
            if state.startswith(NEVER):
                raise _Refused(state) from None  # its message quotes the row
            self.close()
            raise StorageUnavailable(f"PostgreSQL refused the write ({state}); try again.") from error
        except (Error, OSError) as error:
            self.close()
            raise StorageUnavailable from error

    def _connect(self) -> "Connection":
        """Asks for the secret anew each time, since it may have been rotated."""
        from pg8000.native import Connection

        address = parse_url(self._url) if self._url else parse_secret(self._secret_value())
        return Connection(
            address.user,
            host=address.host,
            port=address.port,
            database=address.database,
            password=address.password,
            ssl_context=address.tls(),
            timeout=SECONDS,
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
    """A PEM text; without it the machine's own authorities."""

    def tls(self) -> "SSLContext | bool":
        """False for none. As with libpq, ``require`` encrypts without asking who answers."""
        if self.sslmode == "disable":
            return False
        import ssl

        context = ssl.create_default_context(cadata=self.sslrootcert)
        if self.sslmode != "verify-full":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def parse_secret(text: str) -> Address:
    """A secret as RDS and the platform write it; raises ValueError that names what is missing."""
    return _address(json.loads(text), "the secret of REALTIME_POSTGRES_SECRET")


def parse_url(url: str) -> Address:
    """`postgresql://user:password@host:port/database?sslmode=disable`."""
    parts = urlsplit(url)
    named = {
        "host": parts.hostname,
        "port": parts.port,
        "dbname": unquote(parts.path.lstrip("/")),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    return _address(named | dict(parse_qsl(parts.query)), "REALTIME_POSTGRES_URL")


def _address(found: dict[str, Any], where: str) -> Address:
    missing = [name for name in ("host", "dbname", "username") if not found.get(name)]
    if missing:
        raise ValueError(f"{where} must have {', '.join(missing)}")
    sslmode = found.get("sslmode", "require")
    if sslmode not in ("disable", "require", "verify-full"):
        raise ValueError(f"{where}: sslmode must be disable, require or verify-full; it is {sslmode!r}")
    return Address(
        host=found["host"],
        port=int(found.get("port") or 5432),
        database=found["dbname"],
        user=found["username"],
        password=found.get("password", ""),
        sslmode=sslmode,
        sslrootcert=found.get("sslrootcert"),
    )


class _Refused(Exception):
    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state
