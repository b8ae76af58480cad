"""Which PostgreSQL a command uses, and its connection: an error is one line for the operator."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from chalicelib.domain.errors import RealtimeError
from chalicelib.stores.postgres_address import Address, find_address

if TYPE_CHECKING:
    from chalicelib.stores.postgres_connection import ClosingConnection
    from chalicelib.wiring import Plane

LOCAL_URLS = Path(__file__).parents[2] / ".realtime"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
CONNECTION_SECONDS = 600.0
"""That a statement of an operator may take: an index over a large table."""
HINTS = {
    "28P01": "check the password",
    "28000": "check the role and its rights",
    "42501": "use a role that may do it",
    "55P03": "another migration or a long statement holds it; try again",
    "42P01": "run `python -m realtime migrate` first",
}


class PostgresError(RealtimeError):
    """PostgreSQL does not do what a command asks for."""

    def __init__(self, message: str) -> None:
        super().__init__("postgres", message)


def find_url(environ: Mapping[str, str], local_url: Path | None) -> str:
    """The URL of PostgreSQL in ``environ``, or the one that `up` left in ``local_url``; empty: there is none.

    A URL for PostgreSQL on this machine needs no TLS, as with every other tool that reads DATABASE_URL.
    """
    if environ.get("REALTIME_POSTGRES_URL"):
        return environ["REALTIME_POSTGRES_URL"]
    url = environ.get("DATABASE_URL", "")
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] in ("postgresql", "postgres"):
        query = dict(parse_qsl(parts.query))
        if parts.hostname not in LOOPBACK or "sslmode" in query:
            return url
        return f"{url}{'&' if parts.query else '?'}sslmode=disable"
    return local_url.read_text() if local_url and local_url.exists() else ""


def locate_local_url(aws_port: int) -> Path:
    """Where `up` writes the URL of its own PostgreSQL while it runs."""
    return LOCAL_URLS / f"postgres-{aws_port}.url"


def find_target(services: "Plane") -> Address:
    """The PostgreSQL of the settings. Raises ValueError if they name none."""
    settings = services.settings
    if not settings.postgres_url and not settings.postgres_secret:
        raise ValueError(
            "no PostgreSQL is named: set DATABASE_URL, REALTIME_POSTGRES_URL or REALTIME_POSTGRES_SECRET"
        )
    return find_address(services.clients, settings)


@contextmanager
def connect(address: Address) -> Iterator["ClosingConnection"]:
    """A connection for the block. Every error of PostgreSQL inside of it becomes a PostgresError."""
    from pg8000.native import Error

    connection = None
    try:
        connection = address.connect(CONNECTION_SECONDS, 0)
        yield connection
    except (Error, OSError) as error:
        raise PostgresError(describe_error(address, error)) from error
    finally:
        if connection is not None:
            connection.close()


def describe_error(address: Address, error: BaseException) -> str:
    reason = error.args[0] if error.args else ""
    if isinstance(reason, dict):
        state, message = str(reason.get("C", "")), str(reason.get("M", ""))
        hint = f"; {HINTS[state]}" if state in HINTS else ""
        return f"PostgreSQL at {address}: {message} ({state}){hint}."
    if reason == "Server refuses SSL":
        return f"PostgreSQL at {address} has no TLS; add sslmode=disable to its URL if you trust the network."
    if "create a connection" in str(reason) or reason == "communication error":
        return f"nothing answers at {address}; is PostgreSQL running there?"
    return f"PostgreSQL at {address}: {reason or type(error).__name__}."


def name_postgres(aws_port: int | None) -> None:
    """Set REALTIME_POSTGRES_URL for this process, if DATABASE_URL or the local stack names a PostgreSQL.

    ``aws_port`` is the local stack's; None: the commands are for another environment.
    """
    url = find_url(os.environ, None if aws_port is None else locate_local_url(aws_port))
    if url:
        os.environ["REALTIME_POSTGRES_URL"] = url
