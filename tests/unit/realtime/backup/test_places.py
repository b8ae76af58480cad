"""Files of backups."""

import stat
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from realtime.backup.places import LocalFile, S3Object, find_place

CLIENTS = Clients(Settings())


def test_a_file_is_written_whole_for_its_owner_only_and_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "backup.jsonl.gz"
    LocalFile(file).write(b"first")
    with pytest.raises(ValueError, match="exists already: choose another name"):
        LocalFile(file).write(b"second")
    assert LocalFile(file).read() == b"first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_place_is_a_file_or_an_object(tmp_path: Path) -> None:
    assert isinstance(find_place(str(tmp_path / "b.gz"), CLIENTS), LocalFile)
    assert isinstance(find_place("s3://bucket/folder/b.gz", CLIENTS), S3Object)
    for wrong in ("s3://bucket", "s3://bucket/", "s3://bucket/folder/", "https://bucket/b.gz", "s3:///b"):
        with pytest.raises(ValueError, match="must be a file, or s3://BUCKET/KEY"):
            find_place(wrong, CLIENTS)
