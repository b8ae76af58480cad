"""`migrate` on a real server: what it makes, what it leaves alone, what it refuses."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from rich.console import Console

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.postgres import AssignmentHistory
from chalicelib.stores.postgres_address import parse_url
from realtime.commands.migrate import run_migrate
from realtime.local.ports import HOST, find_free_port
from realtime.postgres.connection import PostgresError, connect
from realtime.postgres.migrate import Migrated, migrate
from realtime.postgres.migrations import TableOwner
from tests.support.history import row, stored
from tests.support.postgres import Postgres


@pytest.fixture
def bare(database: Postgres) -> Postgres:
    """Without any table."""
    database.run("DROP TABLE assignments")
    return database


def run(database: Postgres, owner: TableOwner = "own", *, dry_run: bool = False) -> Migrated:
    with connect(parse_url(database.url)) as connection:
        return migrate(connection, owner, dry_run=dry_run)


def versions(database: Postgres) -> list[int]:
    return [row_[0] for row_ in database.run("SELECT version FROM realtime_migrations ORDER BY version")]


@contextmanager
def history(database: Postgres) -> Iterator[AssignmentHistory]:
    settings = replace(Settings.from_env({}), postgres_url=database.url)
    opened = AssignmentHistory(Clients(settings), settings)
    try:
        yield opened
    finally:
        opened.close()


def can_write(database: Postgres) -> bool:
    with history(database) as opened:
        return opened.upsert([row(1)]) == [] and list(stored(database).values()) == [row(1)]


def test_an_empty_database_gets_a_table_that_takes_assignments(bare: Postgres) -> None:
    assert [migration.version for migration in run(bare).applied] == [1, 2]
    assert versions(bare) == [1, 2]
    assert can_write(bare)


def test_a_second_run_changes_nothing(bare: Postgres) -> None:
    run(bare)
    assert can_write(bare)
    assert run(bare) == Migrated([], [])
    assert list(stored(bare)) == [row(1).id]


def test_two_at_once_apply_each_migration_once(bare: Postgres) -> None:
    answers: list[Migrated] = []
    threads = [threading.Thread(target=lambda: answers.append(run(bare))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(answer.applied) for answer in answers) == [0, 0, 0, 2]


def test_a_dry_run_prints_what_a_run_would_do_and_does_nothing(
    bare: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    run_migrate(Console(width=60), parse_url(bare.url), "own", dry_run=True)
    out = capsys.readouterr().out
    assert bare.run("SELECT to_regclass('assignments'), to_regclass('realtime_migrations')") == [[None, None]]
    bare.run(out)  # it is SQL, comments included
    assert can_write(bare)


def test_a_table_that_was_made_by_hand_is_taken_over_with_its_rows(database: Postgres) -> None:
    assert can_write(database)
    assert [migration.version for migration in run(database).applied] == [1, 2]
    assert list(stored(database)) == [row(1).id]


def test_the_platforms_table_is_checked_and_left_as_it_is(database: Postgres) -> None:
    assert run(database, "platform") == Migrated([], [])
    assert database.run("SELECT to_regclass('realtime_migrations')") == [[None]]
    assert database.run("SELECT count(*) FROM pg_indexes WHERE tablename = 'assignments'") == [[1]]


def test_where_the_platform_has_no_table_yet_its_shape_is_made_and_nothing_else(bare: Postgres) -> None:
    run(bare, "platform")
    assert bare.run("SELECT count(*) FROM pg_indexes WHERE tablename = 'assignments'") == [[1]]
    assert can_write(bare)


@pytest.mark.parametrize("owner", ["own", "platform"])
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("DROP COLUMN variant_id", "column variant_id is missing"),
        ("DROP COLUMN id", "column id is missing"),
        ("ALTER user_id TYPE integer USING 0", "column user_id is integer; it must be uuid or text or"),
        ("ALTER created_at TYPE date", "column created_at is date; it must be timestamp with time zone or"),
        ("ALTER id TYPE varchar(32)", "column id is character varying(32); a UUID has 36 characters"),
        ("ADD tenant text NOT NULL", "column tenant is NOT NULL without a default, and is not written"),
        ("DROP CONSTRAINT assignments_pkey", "column id is not unique"),
        (
            "DROP CONSTRAINT assignments_pkey, ADD PRIMARY KEY (id) DEFERRABLE",
            "column id is not unique",
        ),
        (
            "DROP COLUMN variant_id, ADD variant_id text GENERATED ALWAYS AS (user_id) STORED",
            "column variant_id is generated",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_the_names_of_its_columns(
    database: Postgres, owner: TableOwner, change: str, problem: str
) -> None:
    database.run(f"ALTER TABLE assignments {change}")
    with pytest.raises(ValueError, match="the table assignments does not fit: ") as refused:
        run(database, owner)
    assert problem in str(refused.value)
    assert database.run("SELECT to_regclass('realtime_migrations')") == [[None]]


def test_all_that_does_not_fit_is_named_at_once(database: Postgres) -> None:
    database.run("ALTER TABLE assignments DROP COLUMN variant_id, ADD tenant text NOT NULL")
    with pytest.raises(ValueError, match=r"variant_id is missing; column tenant is NOT NULL"):
        run(database)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ("ALTER user_id TYPE varchar(64)", "column user_id is character varying(64): longer values"),
        ("ALTER variant_id TYPE uuid USING NULL", "column variant_id is uuid: values that are none"),
        ("ADD UNIQUE (experiment_id, user_id)", "experiment_id, user_id are unique together: rows of a new"),
    ],
)
def test_what_some_rows_will_run_into_is_a_warning(database: Postgres, change: str, warning: str) -> None:
    database.run(f"ALTER TABLE assignments {change}")
    [shown] = run(database, "platform").warnings
    assert shown.startswith(warning)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER id TYPE varchar(36), ALTER user_id TYPE varchar, ALTER created_at TYPE timestamp",
        "ADD tenant text NOT NULL DEFAULT ''",
        "ADD number int GENERATED ALWAYS AS IDENTITY",
        "ADD note text",
    ],
)
def test_a_table_of_another_shape_that_takes_the_rows_fits(database: Postgres, change: str) -> None:
    database.run(f"ALTER TABLE assignments {change}")
    assert run(database, "platform") == Migrated([], [])
    with history(database) as opened:
        assert opened.upsert([row(1)]) == []


def test_a_role_without_the_rights_is_told_which(database: Postgres) -> None:
    database.run("CREATE ROLE reader LOGIN; GRANT SELECT ON assignments TO reader")
    try:
        address = replace(parse_url(database.url), user="reader")
        with (
            pytest.raises(ValueError, match=r"no right to INSERT; this role has no right to UPDATE$"),
            connect(address) as connection,
        ):
            migrate(connection, "platform")
    finally:
        database.run("DROP OWNED BY reader; DROP ROLE reader")


def test_what_postgresql_refuses_is_one_line_with_the_remedy(database: Postgres) -> None:
    address = parse_url(database.url)
    for wrong, message in {
        replace(address, port=find_free_port()): f"nothing answers at {HOST}:",
        replace(address, database="nowhere"): '"nowhere" does not exist (3D000)',
        replace(address, sslmode="require"): "add sslmode=disable to its URL",
    }.items():
        with pytest.raises(PostgresError) as refused, connect(wrong):
            pass
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
