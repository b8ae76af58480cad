"""Parquet beside the raw archive changes no answer, whatever happens meanwhile."""

import random
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from realtime.analysis.archive.compaction import CompactedDay, compact, find_days, find_last_day
from realtime.analysis.archive.contents import write_manifest_key
from realtime.analysis.archive.files import Days
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.engines.parquet import write_parquet
from realtime.analysis.model import ArchiveError, Census, Moments
from tests.support.archives import (
    DAY,
    START,
    Line,
    design,
    draw_design,
    draw_two_days,
    exposure,
    line,
    write_lines,
)

QUOTE = "'"
ALL = Days(None, date(2030, 1, 1))


def run(folder: Path, days: Days = ALL) -> list[CompactedDay]:
    archive = FolderArchive(folder)
    return list(compact(archive, find_days(archive, days), write_parquet, lambda _: None))


def answer(folder: Path, seed: int = 3) -> tuple[Census, list[Moments]]:
    engine = create_duckdb_engine(FolderArchive(folder))
    asked = draw_design(random.Random(seed))
    return engine.read_census(asked), engine.read_moments(asked, [each.metric for each in asked.metrics])


def list_read(folder: Path) -> tuple[int, int]:
    files = FolderArchive(folder).fetch(Days(), lambda _: None)
    return len(files.raw), len(files.compacted)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    named = tmp_path / "it's [all] * mine"
    write_lines(named, draw_two_days())
    return named


def test_a_compacted_archive_gives_the_same_answer(folder: Path) -> None:
    before = answer(folder)
    raw, _ = list_read(folder)
    done = run(folder)
    assert all(each.is_written for each in done)
    assert sum(each.objects for each in done) == raw
    assert list_read(folder) == (0, len(done))
    assert answer(folder) == before
    assert len(list(folder.rglob("*.jsonl.gz"))) == raw
    assert run(folder) == []


def test_an_object_that_comes_later_is_read_beside_the_parquet(folder: Path) -> None:
    run(folder)
    late = [
        exposure("late", "treatment", START + 5, "s:late:0"),
        line("late", "purchase", START + 9, "s:l:1", value=3),
    ]
    write_lines(folder, late, "events/shardId-7")
    [_, after] = create_duckdb_engine(FolderArchive(folder)).read_census(design()).users
    raw, compacted = list_read(folder)
    assert (raw, compacted > 0) == (1, True)
    [again] = run(folder)
    assert again.is_written
    assert list_read(folder) == (0, compacted)
    assert create_duckdb_engine(FolderArchive(folder)).read_census(design()).users[1] == after
    assert after.users >= 1
    assert len(list(folder.rglob("*.parquet"))) == compacted


def test_a_day_whose_objects_changed_is_read_raw(folder: Path) -> None:
    done = run(folder)
    [changed, *_] = sorted(folder.rglob("*.jsonl.gz"))
    changed.write_bytes(changed.read_bytes() + b"\x00")
    contents = FolderArchive(folder).read_contents(Days())
    assert sum(each.is_stale for each in contents.days.values()) == 1
    raw, compacted = list_read(folder)
    assert (raw > 0, compacted) == (True, len(done) - 1)
    changed.unlink()
    assert list_read(folder)[1] == len(done) - 1


class Interrupted(Exception):
    pass


class Interruptible(FolderArchive):
    """Fails at the ``at``-th write."""

    def __init__(self, root: Path, at: int) -> None:
        super().__init__(root)
        self.left = at

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Interrupted

    def store_part(self, day: date, name: str, file: Path) -> None:
        self._count()
        super().store_part(day, name, file)
        self._count()

    def replace_manifest(self, day: date, manifest: object, before: object) -> bool:
        is_written = super().replace_manifest(day, manifest, before)  # type: ignore[arg-type]
        self._count()
        return is_written

    def delete_parts(self, day: date, names: Iterable[str]) -> None:
        self._count()
        super().delete_parts(day, names)


@pytest.mark.parametrize("at", range(1, 7))
def test_interrupted_anywhere_nothing_is_lost_or_doubled(folder: Path, at: int) -> None:
    before = answer(folder)
    archive = Interruptible(folder, at)
    with pytest.raises(Interrupted):
        list(compact(archive, find_days(archive, Days()), write_parquet, lambda _: None))
    assert answer(folder) == before
    run(folder)
    assert answer(folder) == before
    assert list_read(folder)[0] == 0


def test_what_changes_while_a_day_is_read_is_not_compacted(folder: Path) -> None:
    def write_and_change(raw: list[Path], target: Path) -> int:
        lines = write_parquet(raw, target)
        raw[0].write_bytes(raw[0].read_bytes() + b"\x00")
        return lines

    archive = FolderArchive(folder)
    [day, *_] = find_days(archive, Days())
    [done] = compact(archive, [day], write_and_change, lambda _: None)
    assert not done.is_written
    assert list_read(folder)[1] == 0
    assert list(folder.rglob("*.parquet")) == []


def test_of_two_that_compact_a_day_one_wins(folder: Path) -> None:
    archive = FolderArchive(folder)
    found = find_days(archive, Days())
    run(folder)
    write_lines(folder, [exposure("late", "control", START, "s:late:0")], "events/shardId-7")
    run(folder)
    late = list(compact(archive, found, write_parquet, lambda _: None))
    assert not any(each.is_written for each in late)
    assert list_read(folder)[0] == 0
    answer(folder)


def test_only_days_that_are_too_old_for_new_events_are_compacted(tmp_path: Path) -> None:
    lines: list[Line] = [exposure("u1", "control", START + day * DAY, f"s:{day}:0") for day in range(5)]
    write_lines(tmp_path, lines)
    last = find_last_day(START + 4.5 * DAY, 2 * DAY)
    assert last == date(2026, 11, 2)
    assert [each.day for each in run(tmp_path, Days(None, last))] == [date(2026, 11, 1), date(2026, 11, 2)]


def test_a_manifest_that_cannot_be_read_is_none(folder: Path) -> None:
    done = run(folder)
    for content in (b"{", b"[]", b'{"format": 2}', b'{"format": 2, "raw": []}'):
        (folder / write_manifest_key(done[0].day)).write_bytes(content)
        assert list_read(folder)[1] == len(done) - 1


def test_days_of_another_release_are_read_raw_until_they_are_compacted_again(folder: Path) -> None:
    before = answer(folder)
    raw, _ = list_read(folder)
    done = run(folder)
    for each in done:
        manifest = folder / write_manifest_key(each.day)
        manifest.write_bytes(manifest.read_bytes().replace(b'"format": 2', b'"format": 1'))
        [part] = manifest.parent.glob("*.parquet")
        duckdb.sql(f"copy (select 1 as place) to '{str(part).replace(QUOTE, QUOTE * 2)}' (format parquet)")
    assert list_read(folder) == (raw, 0)
    assert answer(folder) == before
    assert len(run(folder)) == len(done)
    assert list_read(folder) == (0, len(done))
    assert len(list(folder.rglob("*.parquet"))) == len(done)
    assert answer(folder) == before


def test_an_archive_without_events_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="has no events"):
        FolderArchive(tmp_path).fetch(Days(), lambda _: None)
    (tmp_path / "raw/events").mkdir(parents=True)
    (tmp_path / "raw/events/notes.txt").write_text("hello")
    with pytest.raises(ArchiveError, match=r"only others such as raw/events/notes.txt"):
        FolderArchive(tmp_path).fetch(Days(), lambda _: None)
    with pytest.raises(ArchiveError, match="is no folder"):
        FolderArchive(tmp_path / "missing")


def test_other_files_are_left_out_and_told(folder: Path) -> None:
    (folder / "raw/events/notes.txt").write_text("hello")
    files = FolderArchive(folder / "raw" / "events").fetch(Days(), lambda _: None)
    assert files.notes == ["1 files are no events and were left out, such as raw/events/notes.txt"]
    assert files.raw


def test_a_damaged_object_is_named(folder: Path) -> None:
    [path, *_] = sorted(folder.rglob("*.jsonl.gz"))
    path.write_bytes(b"\x1f\x8bbroken")
    with pytest.raises(ArchiveError, match="cannot be read"):
        answer(folder)


def test_days_of_delivery_hold_events_of_earlier_days(tmp_path: Path) -> None:
    """As Firehose files them: without an hour, by the day of delivery."""
    [path] = write_lines(tmp_path, [exposure("u1", "control", START, "s:1:0")])
    target = tmp_path / "raw/events/year=2026/month=11/day=06/firehose-1.jsonl.gz"
    target.parent.mkdir(parents=True)
    path.rename(target)
    asked = design(since=START, until=START + DAY)
    assert create_duckdb_engine(FolderArchive(tmp_path)).read_census(asked).users[0].users == 1
