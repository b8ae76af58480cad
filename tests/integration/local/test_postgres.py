"""The embedded PostgreSQL: on loopback, behind a password, empty in each run, and gone with its process."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pg8000.native import DatabaseError

from chalicelib.stores.postgres_address import parse_url
from realtime.local import postgres
from realtime.local.ports import LocalError
from realtime.local.postgres import EmbeddedPostgres, start_postgres
from tests.support.paths import ROOT
from tests.support.poll import wait_until

KILLED = """
import os, signal, sys
from pathlib import Path
from realtime.local.postgres import start_postgres
with start_postgres(Path(sys.argv[1])) as server:
    server.create_database()
    print(server.port, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Beside the one of `up`: pytest's own folders are closed to the user that root runs it as."""
    above = ROOT / ".realtime"
    above.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="test-", dir=above) as made:
        yield Path(made) / "postgres"


def run(server: EmbeddedPostgres, sql: str, url: str = "") -> list[list[object]]:
    connection = parse_url(url or server.url).connect(5, 0)
    try:
        rows: list[list[object]] | None = connection.run(sql)
        return rows or []
    finally:
        connection.close()


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_is_empty_in_each_run_and_gone_afterwards(folder: Path) -> None:
    for _ in range(2):
        with start_postgres(folder) as server:
            assert server
            server.create_database()
            run(server, "CREATE TABLE t (); CREATE SCHEMA s")
            [[addresses]] = run(server, "SHOW listen_addresses")
            assert (addresses, run(server, "SHOW unix_socket_directories")) == ("127.0.0.1", [[""]])
        assert server.process.returncode is not None
        assert not listens(server.port)


def test_nobody_gets_in_without_the_password(folder: Path) -> None:
    with start_postgres(folder) as server:
        assert server
        server.create_database()
        with pytest.raises(DatabaseError, match="28P01"):
            run(server, "SELECT 1", server.url.replace(server.password, "wrong"))
        assert (folder / "password").stat().st_mode & 0o077 == 0


def test_a_second_one_has_a_folder_of_its_own_that_goes_with_it(folder: Path) -> None:
    with start_postgres(folder) as first, start_postgres(folder) as second:
        assert first
        assert second
        first.create_database()
        second.create_database()
        run(first, "CREATE TABLE t ()")
        assert run(second, "SELECT to_regclass('t')") == [[None]]
        assert second.log.parent != folder
    assert not second.log.parent.exists()


def test_it_ends_with_its_process_even_if_that_is_killed(folder: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(folder)]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    port = int(killed.stdout)
    wait_until(lambda: not listens(port), 10)
    with start_postgres(folder) as server:
        assert server
        server.create_database()


def test_a_server_that_ends_during_its_start_is_one_line(folder: Path) -> None:
    with start_postgres(folder) as server:
        assert server
        os.killpg(server.process.pid, signal.SIGKILL)
        with pytest.raises(LocalError, match=r"PostgreSQL did not start: see .*/log$"):
            server.create_database()


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    with start_postgres() as server:
        assert server is None
