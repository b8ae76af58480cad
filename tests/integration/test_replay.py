"""`replay` of objects in S3, from the local AWS."""

import gzip
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chalicelib.settings import Settings
from realtime.commands.replay import Replay
from realtime.event_files.rows import FileError
from realtime.local.clients import Clients
from tests.support.paths import ROOT

ARCHIVE = ROOT / "examples" / "events" / "archive"


@pytest.fixture
def bucket(
    aws_clients: Clients,
    aws_settings: Settings,
    aws_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    for name, value in aws_environment.items():
        monkeypatch.setenv(name, value)
    return aws_settings.archive_bucket


class Run:
    def __init__(self, url: str, positions: Path) -> None:
        self.events: list[dict[str, Any]] = []
        console = Console(file=io.StringIO(), width=100)
        self.status = Replay(console, self._ingest, positions=positions).run([url])
        assert isinstance(console.file, io.StringIO)
        self.text = console.file.getvalue()

    def _ingest(self, body: dict[str, Any]) -> dict[str, Any]:
        self.events += body["events"]
        return {"accepted": len(body["events"]), "rejected": []}


def test_the_archive_is_replayed_from_its_prefix_once(
    aws_clients: Clients, bucket: str, tmp_path: Path
) -> None:
    files = [path for path in ARCHIVE.rglob("*") if path.is_file()]
    for path in files:
        key = f"raw/events/{path.relative_to(ARCHIVE)}"
        aws_clients.s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
    aws_clients.s3.put_object(Bucket=bucket, Key="raw/events/_SUCCESS", Body=b"x")
    first = Run(f"s3://{bucket}/raw/events/", tmp_path)
    assert (first.status, [event["user_id"] for event in first.events]) == (0, ["u1", "u2", "u4"])
    again = Run(f"s3://{bucket}/raw/events/", tmp_path)
    assert (again.status, again.events) == (0, [])
    assert again.text.count("was sent before") == len(files) == 2


def test_one_object_is_a_file_and_has_the_ids_of_its_content(
    aws_clients: Clients, bucket: str, tmp_path: Path
) -> None:
    content = gzip.compress((ROOT / "examples" / "events" / "cdnow.csv").read_bytes(), mtime=0)
    local = tmp_path / "cdnow.csv.gz"
    local.write_bytes(content)
    aws_clients.s3.put_object(Bucket=bucket, Key="in/cdnow.csv.gz", Body=content)
    fetched = Run(f"s3://{bucket}/in/cdnow.csv.gz", tmp_path / "positions")
    assert fetched.events == Run(str(local), tmp_path / "positions").events
    assert sum(event["value"] for event in fetched.events) == pytest.approx(56.06)


def test_a_prefix_without_objects_and_a_bucket_that_is_not_there_are_named(
    bucket: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match=f"s3://{bucket}/none: no object begins with this"):
        Run(f"s3://{bucket}/none", tmp_path)
    with pytest.raises(FileError, match=r"s3://no-such-bucket/x: .*NoSuchBucket"):
        Run("s3://no-such-bucket/x", tmp_path)
