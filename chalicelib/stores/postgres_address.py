"""Where PostgreSQL is: read from a secret or a URL."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from ssl import SSLContext

    from chalicelib.settings import Settings
    from chalicelib.stores.clients import Clients
    from chalicelib.stores.postgres_connection import ClosingConnection


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

    def __str__(self) -> str:
        """Without the password."""
        return f"{self.host}:{self.port}/{self.database}"

    def connect(self, timeout: float, statement_milliseconds: int) -> "ClosingConnection":
        """``timeout`` in seconds, to connect or to wait for an answer; a statement that takes longer than
        ``statement_milliseconds`` (0: any time) is ended by the server."""
        from chalicelib.stores.postgres_connection import ClosingConnection

        return ClosingConnection(
            self.user,
            host=self.host,
            port=self.port,
            unix_sock=f"{self.host}/.s.PGSQL.{self.port}" if self.host.startswith("/") else None,
            database=self.database,
            password=self.password,
            ssl_context=self.ssl_context(),
            timeout=timeout,
            application_name="realtime",
            startup_params={"statement_timeout": str(statement_milliseconds)},
        )

    def ssl_context(self) -> "SSLContext | bool":
        """False without TLS. As in libpq, ``require`` encrypts but does not verify the server."""
        if self.sslmode == "disable" or self.host.startswith("/"):
            return False
        import ssl

        context = ssl.create_default_context(cadata=self.sslrootcert)
        if self.sslmode != "verify-full":
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def find_address(clients: "Clients", settings: "Settings") -> Address:
    """Of the PostgreSQL that ``settings`` name. The secret is read each time: it may have been rotated."""
    if settings.postgres_url:
        return parse_url(settings.postgres_url)
    answer = clients.secrets.get_secret_value(SecretId=settings.postgres_secret)
    return parse_secret(str(answer["SecretString"]))


def parse_secret(text: str) -> Address:
    """A secret as RDS and the platform write it. Raises ValueError that names the missing fields."""
    return _build_address(json.loads(text), "the secret of REALTIME_POSTGRES_SECRET")


def parse_url(url: str) -> Address:
    """`postgresql://user:password@host:port/database?sslmode=disable`, or `?host=/folder` of a socket.

    Raises ValueError that names what is wrong.
    """
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise ValueError(f"REALTIME_POSTGRES_URL must begin with postgresql://, not {parts.scheme}:")
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
