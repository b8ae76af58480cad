"""What `up` makes of a PostgreSQL that the environment names, and of a machine without one."""

import os
from pathlib import Path

import pytest
from rich.console import Console

from realtime.commands.up_postgres import NO_SERVER, Prepared, start_wanted, use_postgres
from realtime.local import postgres
from realtime.local.ports import HOST
from realtime.postgres import connection
from realtime.postgres.connection import PostgresError
from tests.support.postgres import Postgres


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REALTIME_POSTGRES_URL", "")
    monkeypatch.delenv("DATABASE_URL", raising=False)


def test_the_one_that_is_named_is_migrated_and_used(
    database: Postgres, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database.run("DROP TABLE assignments")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres:word@{HOST}:{database.port}/postgres")
    with start_wanted(True) as starting, use_postgres(Console(), starting.result(), 4566):
        assert os.environ["REALTIME_POSTGRES_URL"].endswith("?sslmode=disable")
        assert database.run("SELECT count(*) FROM realtime_migrations") == [[2]]
    shown = capsys.readouterr().out
    assert shown == f"PostgreSQL at {HOST}:{database.port}/postgres, named by DATABASE_URL.\n"


def test_a_table_that_was_there_before_is_left_as_it_is(
    database: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    with start_wanted(True) as starting:
        assert starting.result().url == database.url
    assert database.run("SELECT to_regclass('realtime_migrations')") == [[None]]
    database.run("ALTER TABLE assignments DROP COLUMN user_id")
    with start_wanted(True) as starting, pytest.raises(ValueError, match="column user_id is missing"):
        starting.result()


def test_one_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u@localhost:1/d")
    with start_wanted(True) as starting, pytest.raises(PostgresError, match="nothing answers at localhost:1"):
        starting.result()


def test_it_may_be_left_out(database: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    with start_wanted(False) as starting:
        assert starting.result() == Prepared("", "")


def test_a_machine_without_one_goes_on_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    with start_wanted(True) as starting, use_postgres(Console(), starting.result(), 4566):
        assert os.environ["REALTIME_POSTGRES_URL"] == ""
    assert capsys.readouterr().out == f"{NO_SERVER}\n"


def test_other_commands_find_the_embedded_one_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LOCAL_URLS", tmp_path)
    file = connection.locate_local_url(4566)
    with use_postgres(Console(quiet=True), Prepared("postgresql://x", "", is_embedded=True), 4566):
        assert connection.find_url({}, file) == "postgresql://x"
        assert file.stat().st_mode & 0o077 == 0
    assert connection.find_url({}, file) == ""
