"""The archive in S3: what is missing is copied, and only what is whole counts."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import parse_experiment
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from realtime.analysis.archive.bucket import BucketArchive
from realtime.analysis.archive.compaction import compact, find_days
from realtime.analysis.archive.contents import write_manifest_key
from realtime.analysis.archive.files import Days
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.archive.places import open_archive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.engines.parquet import write_parquet
from realtime.analysis.model import ArchiveError, Census
from realtime.commands.plan_estimate import estimate_duration
from realtime.commands.publish import name_planner
from tests.support.archives import DAY, START, design, draw_two_days, exposure, line, write_lines
from tests.support.experiments import document

Upload = Callable[[], list[str]]


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    write_lines(folder, draw_two_days())
    return folder


@pytest.fixture
def upload(service_clients: Clients, aws_settings: Settings, local: Path) -> Upload:
    def put() -> list[str]:
        keys = []
        for path in sorted(local.rglob("*.gz")):
            keys.append(path.relative_to(local).as_posix())
            service_clients.s3.put_object(
                Bucket=aws_settings.archive_bucket, Key=keys[-1], Body=path.read_bytes()
            )
        return keys

    return put


@pytest.fixture
def archive(
    service_clients: Clients, aws_settings: Settings, upload: Upload, tmp_path: Path
) -> BucketArchive:
    upload()
    found = open_archive(None, service_clients.s3, aws_settings.archive_bucket, tmp_path / "copies")
    assert isinstance(found, BucketArchive)
    return found


def test_a_publisher_learns_how_long_an_experiment_takes(
    service_clients: Clients, aws_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 new users a day, of whom every second buys. plan-experiment's tests have the same archive."""
    monkeypatch.chdir(tmp_path)
    metric = {"key": "converted", "event": "purchase", "aggregate": "conversion", "minimum_effect": 0.2}
    analysis = {"primary": ["converted"], "metrics": [metric], "anchor": "visit", "sequential": False}
    experiment = parse_experiment(document(metrics=["purchase"], analysis=analysis))
    services: Any = SimpleNamespace(
        clients=service_clients, settings=aws_settings, clock=lambda: START + 40 * DAY
    )
    assert estimate_duration(services, experiment) == name_planner(experiment)  # nothing is archived
    lines = []
    for number in range(240):
        user, at = f"u{number}", START + number // 12 * DAY
        lines.append(line(user, "visit", at, f"v{number}"))
        lines += [line(user, "purchase", at + 60, f"p{number}")] if number % 2 else []
    for path in write_lines(tmp_path, lines):
        key = path.relative_to(tmp_path).as_posix()
        service_clients.s3.put_object(Bucket=aws_settings.archive_bucket, Key=key, Body=path.read_bytes())
    assert estimate_duration(services, experiment) == (
        "it needs 770 users, which takes 10 weeks if they come in as in the archive."
        " `python -m realtime plan-experiment checkout` says more"
    )
    nobody = parse_experiment(document(metrics=["purchase"], analysis=analysis | {"anchor": "signup"}))
    said = estimate_duration(services, nobody)
    assert said.startswith("the archive does not say how many it needs: nobody had the event signup then")
    assert not (tmp_path / ".realtime").exists()  # events of users are not left with who publishes


def count(archive: Any) -> Census:
    return create_duckdb_engine(archive).read_census(design())


class Counted:
    """An S3 client that counts what is read."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def get_object(self, **request: Any) -> Any:
        self.read.append(request["Key"])
        return self._s3.get_object(**request)


def test_what_is_missing_is_copied_and_only_once(
    archive: BucketArchive, service_clients: Clients, aws_settings: Settings, local: Path, tmp_path: Path
) -> None:
    told: list[str] = []
    files = archive.fetch(Days(), told.append)
    assert told[-1].startswith(f"copied {len(files.raw)} of {len(files.raw)} objects")
    assert count(archive) == count(FolderArchive(local))
    files.raw[0].write_bytes(b"half")  # as after a crash of the machine
    s3 = Counted(service_clients.s3)
    again = open_archive(None, s3, aws_settings.archive_bucket, tmp_path / "copies")  # type: ignore[arg-type]
    assert count(again) == count(FolderArchive(local))
    assert len(s3.read) == 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in [files.raw[0].parent])


def test_only_the_days_that_are_needed_are_copied(archive: BucketArchive) -> None:
    files = archive.fetch(Days(None, None), lambda _: None)
    day = Days(*[files_day(files.raw[-1])] * 2)
    assert {files_day(path) for path in archive.fetch(day, lambda _: None).raw} == {day.first}


def files_day(path: Path) -> Any:
    from realtime.analysis.archive.layout import read_raw_key

    partition = read_raw_key(path.as_posix()[path.as_posix().index("raw/events/") :])
    assert partition is not None
    return partition.day


def test_what_is_gone_or_changed_in_the_bucket_does_not_count(
    archive: BucketArchive, service_clients: Clients, aws_settings: Settings, local: Path, upload: Upload
) -> None:
    archive.fetch(Days(), lambda _: None)
    [first, second, *_] = sorted(local.rglob("*.gz"))
    service_clients.s3.delete_object(
        Bucket=aws_settings.archive_bucket, Key=first.relative_to(local).as_posix()
    )
    first.unlink()
    write_lines(local, [exposure("new", "treatment", START + DAY, "s:new:0")])
    upload()
    assert second.exists()
    files = archive.fetch(Days(), lambda _: None)
    assert sorted(path.name for path in files.raw) == sorted(path.name for path in local.rglob("*.gz"))
    assert count(archive) == count(FolderArchive(local))
    copies = {path.name for path in files.raw[0].parents[5].rglob("*.gz")}
    assert first.name not in copies


def test_a_bucket_or_prefix_without_events_is_told(
    archive: BucketArchive, service_clients: Clients, aws_settings: Settings, tmp_path: Path
) -> None:
    bucket, s3 = aws_settings.archive_bucket, service_clients.s3
    for text, expected in (
        (f"s3://{bucket}/elsewhere", "has no events"),
        ("s3://no-such-bucket-here", "cannot be listed"),
        ("https://bucket", "must be a folder"),
        (str(tmp_path / "missing"), "is no folder"),
    ):
        with pytest.raises(ArchiveError, match=expected):
            open_archive(text, s3, bucket, tmp_path / "copies").fetch(Days(), lambda _: None)


def test_an_archive_below_a_prefix_is_read(
    service_clients: Clients, aws_settings: Settings, local: Path, tmp_path: Path
) -> None:
    bucket, s3 = aws_settings.archive_bucket, service_clients.s3
    for path in local.rglob("*.gz"):
        key = f"backups/2026/{path.relative_to(local).as_posix()}"
        s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    for text in (f"s3://{bucket}/backups/2026", f"s3://{bucket}/backups/2026/raw/events/"):
        found = open_archive(text, s3, bucket, tmp_path / "copies")
        assert count(found) == count(FolderArchive(local))


def test_a_compacted_bucket_gives_the_same_answer(
    archive: BucketArchive, service_clients: Clients, aws_settings: Settings, local: Path, upload: Upload
) -> None:
    before = count(archive)
    done = list(compact(archive, find_days(archive, Days()), write_parquet, lambda _: None))
    assert all(each.is_written for each in done)
    files = archive.fetch(Days(), lambda _: None)
    assert (len(files.raw), len(files.compacted)) == (0, len(done))
    assert count(archive) == before
    assert find_days(archive, Days()) == []
    write_lines(local, [exposure("late", "control", START, "s:late:0")], "events/shardId-7")
    upload()  # the same bytes again, and one object more
    assert len(archive.fetch(Days(), lambda _: None).raw) == 1
    assert count(archive) == count(FolderArchive(local))
    service_clients.s3.delete_object(Bucket=aws_settings.archive_bucket, Key=write_manifest_key(done[-1].day))
    assert count(archive) == count(FolderArchive(local))


def test_of_two_processes_that_compact_a_day_one_writes(archive: BucketArchive) -> None:
    found = find_days(archive, Days())
    assert all(each.is_written for each in compact(archive, found, write_parquet, lambda _: None))
    before = archive.fetch(Days(), lambda _: None).compacted
    assert not any(each.is_written for each in compact(archive, found, write_parquet, lambda _: None))
    assert archive.fetch(Days(), lambda _: None).compacted == before
