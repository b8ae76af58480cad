"""`sync --check`: each kind of difference is found, and what is none is explained."""

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from chalicelib.domain.timestamps import format_timestamp
from chalicelib.wiring import Plane
from realtime.commands.sync import run_backfill, run_check
from realtime.postgres import check
from tests.integration.postgres.conftest import DAY, Assignments
from tests.support.postgres import Postgres

USERS = [f"u{number}" for number in range(60)]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PAGE_ROWS", 25)


def compare(plane: Plane, capsys: pytest.CaptureFixture[str], grace: float = 0) -> dict[str, Any]:
    status = run_check(Console(), plane, 0, grace, as_json=True)
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert status == bool(report["differences"])
    return report


def fill(plane: Plane, assignments: Assignments, capsys: pytest.CaptureFixture[str]) -> None:
    assignments.put(USERS)
    assert run_backfill(Console(), plane, 0, restart=False) == 0
    capsys.readouterr()


def test_after_a_backfill_there_is_no_difference(
    plane: Plane, assignments: Assignments, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(plane, assignments, capsys)
    report = compare(plane, capsys)
    assert report == {"dynamodb": 60, "postgres": 60, "differences": {}, "explained": {}}


def test_each_difference_is_counted_with_its_first_examples(
    plane: Plane, assignments: Assignments, database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(plane, assignments, capsys)
    ids, now = assignments.ids, time.time()
    assignments.put(["new"])
    assignments.put(["u1"], "treatment")
    assignments.put(["u2"], timestamp={"S": "2026-11-23T10:30:00.000Z"})
    assignments.delete("u3")
    at = format_timestamp(now - DAY)
    database.run(f"UPDATE assignments SET updated_at = '{at}' WHERE user_id = 'u3'")  # noqa: S608 - a time
    differences = compare(plane, capsys)["differences"]
    assert differences == {
        "missing": {"count": 1, "examples": [ids["new"]]},
        "other_variant": {"count": 1, "examples": [ids["u1"]]},
        "older": {"count": 1, "examples": [ids["u2"]]},
        "extra": {"count": 1, "examples": [ids["u3"]]},
    }


def test_what_expired_was_replaced_or_is_on_its_way_is_no_difference(
    plane: Plane, assignments: Assignments, database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(plane, assignments, capsys)
    now = time.time()
    assignments.put(["expired"], ttl={"N": str(int(now - 60))})  # DynamoDB has not deleted it yet
    assignments.put(["just now"], timestamp={"S": format_timestamp(now)})
    second = "00000000-0000-0000-0000-000000000001"
    assignments.put(["u1"], assignment_id={"S": second}, iteration={"N": "2"})
    assignments.put(["foreign"], timestamp={"S": "then"})
    assignments.delete("u2")  # as DynamoDB does after 90 days
    database.run("UPDATE assignments SET updated_at = '2020-01-01' WHERE user_id = 'u2'")
    report = compare(plane, capsys, grace=60)
    assert report["explained"] == {"expired": 2, "too_recent": 1, "replaced": 1, "not_an_assignment": 1}
    assert report["differences"] == {"missing": {"count": 1, "examples": [second]}}


def test_the_terminal_shows_every_kind_in_words_at_60_columns(
    plane: Plane, assignments: Assignments, database: Postgres, capsys: pytest.CaptureFixture[str]
) -> None:
    assignments.put(USERS[:15])
    assert run_check(Console(width=60), plane, 0, 0, as_json=False) == 1
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    shown = sorted(line.strip() for line in lines if line.strip() in assignments.ids.values())
    assert shown == sorted(assignments.ids.values())[:10]
    assert lines[-2:] == ["  … and 5 more", "They differ."]
    assert "15 in DynamoDB only:" in lines


@pytest.mark.parametrize("kind", ["uuid", "text", "varchar(36)"])
def test_ids_of_any_type_and_shape_are_compared(
    plane: Plane, assignments: Assignments, database: Postgres, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    database.run(f"ALTER TABLE assignments ALTER id TYPE {kind}")
    fill(plane, assignments, capsys)
    assignments.put(["odd"], assignment_id={"S": "no uuid \0"})
    differences = compare(plane, capsys)["differences"]
    assert differences == {"missing": {"count": 1, "examples": ["no uuid \0"]}}


STATES = st.dictionaries(st.sampled_from([f"p{n}" for n in range(12)]), st.sampled_from(["a", "b"]))


@given(in_dynamodb=STATES, in_postgres=STATES)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_counts_are_those_of_the_sets(
    plane: Plane,
    assignments: Assignments,
    database: Postgres,
    capsys: pytest.CaptureFixture[str],
    in_dynamodb: dict[str, str],
    in_postgres: dict[str, str],
) -> None:
    for user in {*assignments.ids, *in_dynamodb} - set(in_dynamodb):
        assignments.delete(user)
    for user, variant in in_dynamodb.items():
        assignments.put([user], variant)
    database.run("TRUNCATE assignments")
    at = format_timestamp(time.time() - DAY)
    for user, variant in in_postgres.items():
        values = assignments.identify(user), "checkout", variant, user, at, at
        database.run(f"INSERT INTO assignments VALUES {values}")  # noqa: S608 - constants
    counts = {kind: found["count"] for kind, found in compare(plane, capsys)["differences"].items()}
    both = set(in_dynamodb) & set(in_postgres)
    expected = {
        "missing": len(set(in_dynamodb) - both),
        "extra": len(set(in_postgres) - both),
        "other_variant": sum(in_dynamodb[user] != in_postgres[user] for user in both),
    }
    assert counts == {kind: number for kind, number in expected.items() if number}
