"""An archive in a folder of this machine: a copy of a bucket, or what a test wrote."""

import os
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from realtime.analysis.archive.contents import Contents, Manifest, Stamp, decode_manifest, write_manifest_key
from realtime.analysis.archive.files import Days, Files, Tell
from realtime.analysis.archive.layout import COMPACTED, RAW, write_folder
from realtime.analysis.model import ArchiveError


class FolderArchive:
    """``root`` has ``raw/events`` in it, or is that folder."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise ArchiveError(
                f"--archive: {root} is no folder; name one that has {RAW} in it, or s3://BUCKET"
            )
        self.name = str(root)
        absolute = root.resolve()
        self._root = absolute.parent.parent if absolute.as_posix().endswith("/raw/events") else absolute

    def fetch(self, days: Days, tell: Tell) -> Files:
        del tell
        contents = self.read_contents(days)
        contents.check(self.name)
        raw, compacted = contents.list_keys()
        return Files(
            [self._root / key for key in raw],
            [self._root / key for key in compacted],
            contents.list_notes(),
        )

    def read_contents(self, days: Days) -> Contents:
        contents = Contents()
        for key in self._list_keys(RAW):
            contents.add(key, Stamp((self._root / key).stat().st_size), days)
        for day, each in contents.days.items():
            path = self._root / write_manifest_key(day)
            if path.is_file():
                each.manifest = decode_manifest(path.read_bytes())
                each.parts = {part.name for part in path.parent.glob("*.parquet")}
        return contents

    def fetch_raw(self, day: date, names: Iterable[str]) -> list[Path]:
        """The raw objects of a day, on this machine."""
        return [self._root / f"{RAW}{write_folder(day)}{name}" for name in names]

    def store_part(self, day: date, name: str, file: Path) -> None:
        target = self._root / f"{COMPACTED}{write_folder(day)}{name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.new")
        partial.write_bytes(file.read_bytes())
        partial.replace(target)

    def replace_manifest(self, day: date, manifest: Manifest, before: Manifest | None) -> bool:
        """False if another process was faster."""
        target = self._root / write_manifest_key(day)
        found = decode_manifest(target.read_bytes()) if target.is_file() else None
        if found != before:
            return False
        partial = target.with_suffix(f".{os.getpid()}.new")
        partial.write_bytes(manifest.encode())
        partial.replace(target)
        return True

    def delete_parts(self, day: date, names: Iterable[str]) -> None:
        for name in names:
            (self._root / f"{COMPACTED}{write_folder(day)}{name}").unlink(missing_ok=True)

    def _list_keys(self, prefix: str) -> Iterator[str]:
        for path in sorted((self._root / prefix).rglob("*")):
            if path.is_file():
                yield path.relative_to(self._root).as_posix()
