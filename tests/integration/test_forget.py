"""Forget a user in every store of a deployment, and hand out what it holds, before real stores."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.settings import Settings
from chalicelib.stores.postgres import AssignmentHistory
from realtime.analysis.archive.compaction import compact, find_days
from realtime.analysis.archive.files import Days
from realtime.analysis.archive.places import open_archive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.engines.parquet import write_parquet
from realtime.commands import forget as command
from realtime.commands.export_user import export_user
from realtime.commands.forget import Options, forget, search
from realtime.commands.forget_report import is_clean
from realtime.user_data import bucket
from realtime.user_data.people import Person, add_linked_ids
from realtime.user_data.places import list_stores
from realtime.user_data.stores import UserStore
from tests.support import history
from tests.support.archives import DAY, START, design, exposure, write_lines
from tests.support.experiments import published_flag
from tests.support.postgres import Postgres
from tests.support.user_data import ALIAS, NOW, OTHER, USER, Deployment, event

PEOPLE = [Person((USER, ALIAS))]
WEEK = 7 * 86_400.0
ARCHIVE = "archive and payloads (S3)"


@pytest.fixture
def deployment(
    aws_settings: Settings,
    aws_environment: dict[str, str],
    database: Postgres,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Deployment:
    for name, value in aws_environment.items():
        monkeypatch.setenv(name, value)
    deployment = Deployment(aws_settings, database, tmp_path / "replay")
    deployment.fill()
    return deployment


def run(
    deployment: Deployment, folder: Path, *, now: float = NOW, only: str | tuple[str, ...] = "", **fields: Any
) -> tuple[Any, Any, float]:
    """``only`` the stores whose name begins so."""

    def create_stores(progress: bucket.Progress) -> list[UserStore]:
        stores = list_stores(deployment.plane, deployment.files, progress)
        return [store for store in stores if store.name.startswith(only)]

    return forget(
        deployment.console,
        create_stores,
        PEOPLE,
        Options(**fields),
        folder=folder,
        stream_seconds=WEEK,
        clock=lambda: now,
    )


def count(findings: Any) -> dict[str, tuple[int, int]]:
    return {store: (finding.own, finding.mentions) for store, finding in findings.items()}


def test_ids_that_are_linked_are_forgotten_with_their_links(deployment: Deployment, tmp_path: Path) -> None:
    deployment.link("phone", "tablet")
    assignments = deployment.plane.assignments
    [person] = add_linked_ids([Person(("phone",))], assignments)
    assert set(person.ids) == {USER, "phone", "tablet"}
    changed, left, _ = forget(
        deployment.console,
        lambda progress: list_stores(deployment.plane, deployment.files, progress),
        [person],
        Options(),
        folder=tmp_path / "positions",
        stream_seconds=WEEK,
        clock=lambda: NOW,
    )
    store = "assignments (DynamoDB)"
    assert (changed[store].own, left[store].own) == (5, 0)  # two rows, three links
    assert set(assignments.list_anonymous_ids({USER, OTHER}).values()) == {OTHER}


def test_a_user_is_removed_from_every_store_and_nobody_else(deployment: Deployment, tmp_path: Path) -> None:
    others = {entry for entry in deployment.dump() if not deployment.is_about(entry, USER, ALIAS)}
    before = search(deployment.console, list_stores(deployment.plane, deployment.files), PEOPLE, "auto")
    changed, left, until = run(deployment, tmp_path / "positions")
    assert count(changed) == count(before) == {
        "definitions in force": (0, 0),
        "old versions of definitions": (1, 0),
        "proposals": (1, 0),
        "old snapshots (S3)": (1, 0),
        "overrides (DynamoDB)": (1, 0),
        "assignments (DynamoDB)": (2, 0),
        "event ids (DynamoDB)": (1, 0),
        "contexts (DynamoDB)": (1, 0),
        "history (PostgreSQL)": (1, 0),
        "quarantine (SQS)": (4, 0),
        ARCHIVE: (6, 2),
        "copies of the archive": (0, 0),
        "files of this machine": (0, 1),
    }  # fmt: skip
    assert is_clean(left)
    assert until == NOW + WEEK
    dump = set(deployment.dump())
    assert [entry for entry in dump if deployment.is_about(entry, USER, ALIAS)] == []
    assert others <= dump
    assert deployment.read_lines("b") == []
    assert len(deployment.read_lines("a")) == 2


def test_a_user_becomes_a_pseudonym_that_stays_one_user(deployment: Deployment, tmp_path: Path) -> None:
    _, left, _ = run(deployment, tmp_path / "positions", is_pseudonymised=True)
    assert is_clean(left)
    lines = [json.loads(line) for name in "ab" for line in deployment.read_lines(name)]
    [pseudonym] = {line["user_id"] for line in lines} - {OTHER}
    assert [line["value"] for line in lines if "value" in line] == [2]
    assert {"by": pseudonym} in [line.get("properties") for line in lines]
    dump = list(deployment.dump())
    assert [entry for entry in dump if deployment.is_about(entry, USER, ALIAS)] == []
    assert len([entry for entry in dump if pseudonym in entry]) == 7
    rows = AssignmentHistory(deployment.plane.clients, deployment.settings)
    rows.upsert([history.row(1, user_id=USER)])  # from the stream of the table, late
    rows.close()
    _, left, _ = run(deployment, tmp_path / "positions", only="history", is_pseudonymised=True)
    assert is_clean(left)
    assert {row.user_id for row in history.stored(deployment.database).values()} == {pseudonym, OTHER}
    hash_of_the_id = "00000000-0000-0000-0000-000000000001"  # as the history had it
    assert not [entry for entry in dump if hash_of_the_id in entry]


def test_a_definition_in_force_is_the_operators_to_change(deployment: Deployment, tmp_path: Path) -> None:
    flag = published_flag("beta", overrides={USER: "on"})
    deployment.plane.definitions.publish([flag], 2, NOW)
    only = "definitions", "old versions"
    _, left, _ = run(deployment, tmp_path, only=only)
    assert {store for store, finding in left.items() if not finding.is_clean} == {"definitions in force"}
    assert "flag beta names a user" in left["definitions in force"].notes[0]
    deployment.plane.definitions.publish([published_flag("beta")], 3, NOW)
    _, left, _ = run(deployment, tmp_path, only=only)
    assert is_clean(left)
    versions = deployment.plane.definitions.get_history("flag", "beta")
    assert [USER in row.text for row in versions] == [False, False]


def test_an_open_proposal_is_the_operators_to_decide(deployment: Deployment, tmp_path: Path) -> None:
    deployment.propose(published_flag("beta", overrides={USER: "on"}), is_open=True)
    _, left, _ = run(deployment, tmp_path, only="proposals")
    assert left["proposals"].own == 1
    assert "p-2 names a user and is open" in left["proposals"].notes[0]
    proposals = deployment.plane.proposals
    [opened] = proposals.get_newest("open")
    proposals.close(opened.decide("rejected", None, ""))
    _, left, _ = run(deployment, tmp_path, only="proposals")
    assert is_clean(left)
    assert [proposals.get_rows(number) for number in (1, 2)] == [[], []]


def test_an_interrupted_run_continues_where_it_was(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.user_data.position.SAVE_SECONDS", 0.0)
    for number in range(30):
        deployment.put_lines(f"d{number:02}", [event(USER, n=number), event(OTHER)])
    positions = tmp_path / "positions"
    fail_at, writes = 20, 0
    put = deployment.s3.put_object

    def put_object(**request: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes == fail_at:
            raise StorageUnavailable
        return put(**request)

    deployment.s3.put_object = put_object  # type: ignore[method-assign]
    with pytest.raises(StorageUnavailable):
        run(deployment, positions, only=ARCHIVE, is_pseudonymised=True)
    [file] = positions.glob("*.json")
    assert json.loads(file.read_text())["after"]["raw/events/"].endswith(".jsonl.gz")
    assert not any(id_ in file.read_text() + file.name for id_ in (USER, ALIAS, "customer"))
    assert file.stat().st_mode & 0o777 == 0o600

    changed, left, _ = run(deployment, positions, only=ARCHIVE, is_pseudonymised=True)
    assert is_clean(left)
    assert changed[ARCHIVE].own == 36
    lines = [json.loads(line) for number in range(30) for line in deployment.read_lines(f"d{number:02}")]
    assert len({line["user_id"] for line in lines}) == 2
    assert len(lines) == 60


def test_what_comes_from_the_stream_later_gets_the_same_pseudonym_until_the_last_run(
    deployment: Deployment, tmp_path: Path
) -> None:
    run(deployment, tmp_path / "p", only=ARCHIVE, is_pseudonymised=True)
    deployment.put_lines("a", [event(USER), event(OTHER)])  # a retry of the processor
    changed, left, until = run(deployment, tmp_path / "p", only=ARCHIVE, now=NOW + 60, is_pseudonymised=True)
    assert (changed[ARCHIVE].own, is_clean(left), until) == (1, True, NOW + 60 + WEEK)
    lines = [json.loads(line) for name in "ab" for line in deployment.read_lines(name)]
    assert len({line["user_id"] for line in lines} - {OTHER}) == 1
    assert run(deployment, tmp_path / "p", only=ARCHIVE, now=until, is_pseudonymised=True)[2] == 0.0
    assert list((tmp_path / "p").iterdir()) == []


def test_an_object_that_the_processor_writes_meanwhile_loses_nothing(
    deployment: Deployment, tmp_path: Path
) -> None:
    put = deployment.s3.put_object
    raced: list[str] = []

    def put_object(**request: Any) -> Any:
        if "IfMatch" in request and request["Key"].endswith("/a.jsonl.gz") and not raced:
            raced.append(request["Key"])
            deployment.s3.put_object = put  # type: ignore[method-assign]
            deployment.put_lines("a", [event(USER), event(OTHER, late=True)])
        return put(**request)

    deployment.s3.put_object = put_object  # type: ignore[method-assign]
    _, left, _ = run(deployment, tmp_path, only=ARCHIVE)
    assert raced
    assert is_clean(left)
    assert [json.loads(line).get("late") for line in deployment.read_lines("a")] == [True]


def test_an_object_that_cannot_be_read_is_no_proof(deployment: Deployment, tmp_path: Path) -> None:
    bucket_name = deployment.settings.archive_bucket
    deployment.s3.put_object(Bucket=bucket_name, Key="raw/events/bad.gz", Body=b"\x1f\x8bbroken")
    _, left, _ = run(deployment, tmp_path, only=ARCHIVE)
    assert left[ARCHIVE].unread == 1
    assert "raw/events/bad.gz cannot be read" in left[ARCHIVE].notes[0]


def test_parquet_and_copies_of_the_archive_go_with_the_user(deployment: Deployment, tmp_path: Path) -> None:
    """Both are made again from the archive, then without the user."""
    bucket_name = deployment.settings.archive_bucket
    for day, user in enumerate((USER, OTHER)):
        lines = [exposure(user, "control", START + day * DAY, f"s:{day}:0")]
        for path in write_lines(tmp_path / "lines", lines):
            key = path.relative_to(tmp_path / "lines").as_posix()
            deployment.s3.put_object(Bucket=bucket_name, Key=key, Body=path.read_bytes())
    copies = deployment.files.with_name("archive")
    archive = open_archive(None, deployment.s3, bucket_name, copies)
    archive.fetch(Days(), lambda _: None)  # copies the raw objects
    done = list(compact(archive, find_days(archive, Days()), write_parquet, lambda _: None))
    assert len(done) == 3  # with that of the deployment's own lines
    archive.fetch(Days(), lambda _: None)
    before = len(list(copies.rglob("*.parquet"))), len(archive.fetch(Days(), lambda _: None).raw)
    changed, left, _ = run(deployment, tmp_path / "positions", only=(ARCHIVE, "copies"))
    assert (before, is_clean(left)) == ((3, 0), True)
    assert changed[ARCHIVE].own == 9  # with the line, and the Parquet of two days
    assert changed["copies of the archive"].own >= 1
    files = archive.fetch(Days(), lambda _: None)
    assert len(files.compacted) == 1
    users = create_duckdb_engine(archive).read_census(design()).users
    assert [each.users for each in users] == [1, 0]
    [again, _] = compact(archive, find_days(archive, Days()), write_parquet, lambda _: None)
    assert (again.is_written, again.lines) == (True, 0)


def test_a_bucket_without_versions_keeps_its_objects(deployment: Deployment, tmp_path: Path) -> None:
    deployment.s3.put_bucket_versioning(
        Bucket=deployment.settings.archive_bucket, VersioningConfiguration={"Status": "Suspended"}
    )
    deployment.put_lines("z", [event(USER), event(OTHER)])
    _, left, _ = run(deployment, tmp_path, only=ARCHIVE)
    assert is_clean(left)
    assert deployment.read_lines("z") == [json.dumps(event(OTHER), separators=(",", ":")).encode()]


def test_a_user_gets_all_that_is_kept(deployment: Deployment, tmp_path: Path) -> None:
    stores = list_stores(deployment.plane, deployment.files)
    before = sorted(deployment.dump())
    file = tmp_path / "export.zip"
    counts = export_user(deployment.console, stores, PEOPLE[0], file, NOW)
    assert counts == {
        "definitions.jsonl": 0,
        "definitions-history.jsonl": 1,
        "proposals.jsonl": 1,
        "overrides.jsonl": 1,
        "assignments.jsonl": 2,
        "event-ids.jsonl": 1,
        "contexts.jsonl": 1,
        "history.jsonl": 1,
        "quarantine.jsonl": 4,
        "events.jsonl": 1,
    }
    with zipfile.ZipFile(file) as archive:
        assert set(archive.namelist()) == {*counts, "README.md"}
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert all(f"`{name}` ({count:,})" in texts["README.md"] for name, count in counts.items())
    assert OTHER not in "".join(texts.values())
    assert sorted(deployment.dump()) == before
    folder = tmp_path / "folder"
    assert export_user(deployment.console, stores, PEOPLE[0], folder, NOW) == counts
    assert {path.name for path in folder.iterdir()} == set(texts)
    with pytest.raises(ValueError, match="exists already"):
        export_user(deployment.console, stores, PEOPLE[0], folder, NOW)


def test_output_and_report_name_stores_and_counts_and_no_user(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "POSITIONS", deployment.files)
    report = tmp_path / "report.json"
    plane, console = deployment.plane, deployment.console
    assert command.search_user(console, plane, PEOPLE, Options(), None, is_proof=True) == 1
    assert command.forget_user(console, plane, PEOPLE, Options(), report) == 0
    written = json.loads(report.read_text())
    assert (written["mode"], written["users"], written["ids"], written["is_clean"]) == ("remove", 1, 2, True)
    assert written["run_again_after"] == "2026-11-29T10:00:00Z"
    archive = written["stores"][-3]
    assert archive["changed"] == {"own": 6, "mentions": 2, "unread": 0}
    text = deployment.output + report.read_text()
    assert not any(id_ in text for id_ in (USER, ALIAS))
    assert all(len(line) <= 60 for line in deployment.output.splitlines() if line.startswith(("│", "┃")))
    for path in (tmp_path / ".realtime").rglob("*"):
        assert path.is_dir() or USER not in path.read_text()
