"""`sync --backfill`: every assignment of DynamoDB, once, in however many runs."""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.assignment_history import HistoryRow, RefusedRow
from chalicelib.stores.postgres import AssignmentHistory
from chalicelib.wiring import Plane
from realtime.commands.migrate import run_migrate
from realtime.commands.sync import POSITIONS, run_backfill, run_check
from realtime.local.ports import HOST
from realtime.postgres.assignment_table import AssignmentTable, Pace
from realtime.postgres.backfill import Position, backfill
from realtime.postgres.connection import PostgresError, find_target
from tests.integration.postgres.conftest import Assignments
from tests.support.history import stored
from tests.support.postgres import Postgres

USERS = [f"u{number}" for number in range(230)]


def run(plane: Plane, *, restart: bool = False, as_json: bool = False) -> int:
    return run_backfill(Console(width=60), plane, 0, restart=restart, as_json=as_json)


def test_every_assignment_is_written_with_its_variant_and_time(
    plane: Plane, assignments: Assignments, database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    assignments.put(USERS)
    assert run(plane) == 0
    rows = stored(database)
    assert {row.user_id: row.id for row in rows.values()} == assignments.ids
    assert {(row.variant_id, row.updated_at) for row in rows.values()} == {
        ("control", "2026-11-22T10:30:00.000Z")
    }
    out = capsys.readouterr().out
    assert "230 assignments are in PostgreSQL at 127.0.0.1:" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 60
    assert not list(POSITIONS.glob("*"))


def test_a_second_run_and_newer_rows_of_the_stream_are_left_as_they_are(
    plane: Plane, assignments: Assignments, database: Postgres
) -> None:
    assignments.put(USERS[:50])
    run(plane)
    database.run("UPDATE assignments SET variant_id = 'moved', updated_at = '2026-11-23T00:00:00Z'")
    before = stored(database)
    assert run(plane) == 0
    assert stored(database) == before


class Interrupted(AssignmentHistory):
    """Its database stays away after some rows."""

    left = 0

    def upsert(self, rows: Sequence[HistoryRow]) -> list[RefusedRow]:
        if Interrupted.left < len(rows):
            raise StorageUnavailable
        Interrupted.left -= len(rows)
        return super().upsert(rows)


def test_an_interrupted_run_is_resumed_where_it_stopped(
    plane: Plane, assignments: Assignments, database: Postgres, tmp_path: Path
) -> None:
    assignments.put(USERS)
    table = AssignmentTable(plane.clients.dynamodb, plane.settings.assignments_table)
    file, shown = tmp_path / "position.json", list[int]()
    runs = 0
    while not runs or file.exists():
        Interrupted.left, before = 90, len(stored(database))
        position = Position.load(file)
        assert position.rows == before  # nothing is written twice, and nothing is left out
        try:
            backfill(
                table,
                lambda: Interrupted(plane.clients, plane.settings),
                position,
                Pace(0),
                shown.append,
            )
        except PostgresError:
            assert file.stat().st_mode & 0o077 == 0  # it names users
        runs += 1
        assert runs < 10
    assert runs > 2
    assert position.rows == len(stored(database)) == len(USERS)
    assert max(shown) == len(USERS)


def test_what_is_refused_is_told_by_code_and_keeps_no_other_from_it(
    plane: Plane, assignments: Assignments, database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    assignments.put(["a\0b", *USERS[:40]])
    assignments.put(["foreign"], assignment_id={"N": "1"})
    assert run(plane) == 1
    assert len(stored(database)) == 40
    out = " ".join(capsys.readouterr().out.split())
    assert f"1 refused: postgres_22P05, first {assignments.ids['a' + chr(0) + 'b']}" in out
    assert "1 items are not assignments of this service" in out
    assert "a\0b" not in out
    assert run(plane, as_json=True) == 1
    outcome = json.loads(capsys.readouterr().out)
    assert (outcome["rows"], outcome["written"], outcome["refused"]) == (42, 40, {"postgres_22P05": 1})


def test_a_deployment_is_reached_by_its_secret(
    plane: Plane, assignments: Assignments, database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = {"host": HOST, "port": database.port, "dbname": "postgres", "username": "postgres"}
    created = plane.clients.secrets.create_secret(
        Name=str(uuid.uuid4()), SecretString=json.dumps(secret | {"sslmode": "disable"})
    )
    deployed = Plane(
        replace(plane.settings, postgres_url="", postgres_secret=created["ARN"]), clients=plane.clients
    )
    database.run("DROP TABLE assignments")
    run_migrate(Console(), find_target(deployed), "own", dry_run=False)
    assignments.put(USERS[:30])
    assert run(deployed) == 0
    assert len(stored(database)) == 30
    assert run_check(Console(), deployed, 0, 0, as_json=True) == 0


def test_the_rate_holds_over_all_threads() -> None:
    pace, begin = Pace(1000), time.monotonic()
    for _ in range(4):
        pace.wait(50)
    assert time.monotonic() - begin >= 0.15


def test_without_the_table_it_says_what_to_do(plane: Plane, database: Postgres) -> None:
    database.run("DROP TABLE assignments")
    with pytest.raises(ValueError, match="run `python -m realtime migrate` first"):
        run(plane)
