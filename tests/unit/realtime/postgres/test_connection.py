"""Which PostgreSQL a command uses, of those that the environment names."""

from pathlib import Path

import pytest

from chalicelib.settings import Settings
from chalicelib.stores.postgres_address import parse_url
from chalicelib.wiring import Plane
from realtime.postgres.connection import find_target, find_url

REMOTE = "postgresql://u:p@db.internal/d"


def test_the_setting_goes_before_database_url_and_that_before_the_local_stack(tmp_path: Path) -> None:
    local = tmp_path / "url"
    local.write_text("postgresql://local")
    both = {"REALTIME_POSTGRES_URL": "postgresql://setting", "DATABASE_URL": REMOTE}
    assert find_url(both, local) == "postgresql://setting"
    assert find_url({"DATABASE_URL": REMOTE}, local) == REMOTE
    assert find_url({}, local) == "postgresql://local"
    assert find_url({}, tmp_path / "none") == find_url({}, None) == ""


@pytest.mark.parametrize("url", ["sqlite:///app.db", "mysql://u@h/d", "nonsense", ""])
def test_the_database_of_another_program_is_left_alone(url: str) -> None:
    assert find_url({"DATABASE_URL": url}, None) == ""


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgresql://u@localhost/d", "disable"),
        ("postgres://u@127.0.0.1:5433/d?application_name=x", "disable"),
        ("postgresql+psycopg://u@[::1]/d", "disable"),
        ("postgresql://u@localhost/d?sslmode=require", "require"),
        (REMOTE, "require"),
    ],
)
def test_database_url_needs_tls_except_on_this_machine(url: str, sslmode: str) -> None:
    assert parse_url(find_url({"DATABASE_URL": url}, None)).sslmode == sslmode


def test_without_any_the_variables_are_named() -> None:
    with pytest.raises(ValueError, match="set DATABASE_URL, REALTIME_POSTGRES_URL or REALTIME_POSTGRES_SE"):
        find_target(Plane(Settings.from_env({})))
