"""Where PostgreSQL is, as a secret or a URL says it."""

import json
import ssl
from typing import Any

import pytest

from chalicelib.stores.postgres_address import Address, parse_secret, parse_url

SECRET = {
    "engine": "postgres",
    "host": "db.internal",
    "port": 5433,
    "dbname": "experimentation",
    "username": "realtime",
    "password": "p@ss/word",
}


def test_a_secret_is_read_as_rds_writes_it() -> None:
    expected = Address("db.internal", 5433, "experimentation", "realtime", "p@ss/word")
    assert parse_secret(json.dumps(SECRET)) == expected
    assert parse_secret(json.dumps(SECRET | {"port": "5433"})) == expected
    assert parse_secret(json.dumps({**SECRET, "port": None})).port == 5432


def test_a_url_says_the_same() -> None:
    url = "postgresql://realtime:p%40ss%2Fword@db.internal:5433/experimentation"
    assert parse_url(url) == parse_secret(json.dumps(SECRET))
    assert parse_url("postgresql://u@h/d?sslmode=disable") == Address("h", 5432, "d", "u", "", "disable")


def test_a_socket_is_named_by_its_folder_and_needs_no_encryption() -> None:
    address = parse_url("postgresql://u@/d?host=/var/run/postgresql")
    assert (address.host, address.port, address.ssl_context()) == ("/var/run/postgresql", 5432, False)


def test_another_database_than_postgresql_is_refused() -> None:
    with pytest.raises(ValueError, match="REALTIME_POSTGRES_URL must begin with postgresql://, not mysql:"):
        parse_url("mysql://u@h/d")
    assert parse_url("postgres://u@h/d") == parse_url("postgresql+psycopg://u@h/d")


@pytest.mark.parametrize("name", ["host", "dbname", "username"])
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"REALTIME_POSTGRES_SECRET must have {name}$"):
        parse_secret(json.dumps({**SECRET, name: ""}))
    with pytest.raises(ValueError, match=r"REALTIME_POSTGRES_URL must have dbname, username$"):
        parse_url("postgresql://host")


@pytest.mark.parametrize(
    ("mode", "checks_name", "verifies"),
    [({}, False, ssl.CERT_NONE), ({"sslmode": "verify-full"}, True, ssl.CERT_REQUIRED)],
)
def test_a_connection_is_encrypted_unless_told_otherwise(
    mode: dict[str, Any], checks_name: bool, verifies: ssl.VerifyMode
) -> None:
    context = parse_secret(json.dumps(SECRET | mode)).ssl_context()
    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (checks_name, verifies)
    assert parse_secret(json.dumps(SECRET | {"sslmode": "disable"})).ssl_context() is False


def test_a_mode_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="sslmode must be disable, require or verify-full; it is 'prefer'"):
        parse_url("postgresql://u@h/d?sslmode=prefer")
