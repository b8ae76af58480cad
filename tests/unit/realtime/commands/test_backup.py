"""`backup` and `restore`: what comes back, and what is refused."""

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.keys import ApiKey
from chalicelib.domain.publishing.author import Author
from realtime.backup.places import LocalFile
from realtime.commands.backup import back_up
from realtime.commands.history import show_history
from realtime.commands.restore import restore
from realtime.testing.stores import MemoryDefinitions, MemoryKeys
from tests.support.experiments import document
from tests.support.publisher import FLAG, Publisher

NOW = 1_800_000_000.0
KEY = ApiKey("ab" * 32, "web", ("flags",), "2027-01-15T08:00:00Z")


class Desk:
    """Backs up and restores; ``output`` is what the last call printed."""

    def __init__(self, file: Path) -> None:
        self.place = LocalFile(file)
        self.output = ""

    def back_up(self, definitions: MemoryDefinitions, keys: MemoryKeys | None = None) -> None:
        with io.StringIO() as text:
            console = Console(file=text, width=200)
            back_up(console, definitions, keys, self.place, "FILE", environment="prod", now=NOW)
            self.output = text.getvalue()

    def restore(self, into: MemoryDefinitions, keys: MemoryKeys | None = None, **given: Any) -> int:
        options: dict[str, Any] = {"confirm": lambda _: True, "now": NOW} | given
        with io.StringIO() as text:
            console = Console(file=text, width=200)
            try:
                return restore(console, into, keys, self.place, "FILE", publisher=Author("grace"), **options)
            finally:
                self.output = text.getvalue()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "backup.jsonl.gz")


@pytest.fixture
def original(publisher: Publisher) -> MemoryDefinitions:
    """Three versions: a flag, its change beside an experiment, and its removal."""
    publisher.publish(FLAG, publisher=Author("ada"))
    publisher.publish(FLAG | {"rollout_percentage": 5}, experiments=(document(),))
    publisher.publish(experiments=(document(),), prune=True, publisher=Author("linus", "--by l"))
    return publisher.definitions


def list_history(definitions: MemoryDefinitions) -> str:
    with io.StringIO() as text:
        show_history(Console(file=text, width=200), definitions)
        return text.getvalue()


def test_an_empty_environment_gets_the_same_definitions_versions_and_history(
    desk: Desk, original: MemoryDefinitions
) -> None:
    desk.back_up(original)
    assert "version 3 of prod: 1 experiment, with 4 versions in all" in desk.output
    copy = MemoryDefinitions()
    assert desk.restore(copy) == 0
    assert "Version 3 is in force; the next one is 4." in desk.output
    assert list_history(copy) == list_history(original)
    assert copy.get_all("experiment") == original.get_all("experiment")
    assert copy.get_all("flag") == {}
    again = Desk(desk.place._path.with_name("again"))
    again.back_up(copy)
    assert again.place.read() == desk.place.read()


def test_a_dry_run_writes_nothing(desk: Desk, original: MemoryDefinitions) -> None:
    desk.back_up(original)
    copy = MemoryDefinitions()
    assert desk.restore(copy, dry_run=True) == 0
    assert "would be restored as it is" in desk.output
    assert copy.get_versions() == []


def test_a_second_restore_changes_nothing(desk: Desk, original: MemoryDefinitions) -> None:
    desk.back_up(original)
    assert desk.restore(original) == 0
    assert "It is restored already" in desk.output


def test_where_others_are_published_it_needs_replace_and_becomes_one_new_version(
    desk: Desk, original: MemoryDefinitions, publisher: Publisher
) -> None:
    desk.back_up(original)
    publisher.publish({"key": "later", "type": "boolean"}, experiments=(document(status="paused"),))
    before = original.get_versions()
    with pytest.raises(ValueError, match=r"published here already, up to version 4.* as version 5"):
        desk.restore(original)
    assert desk.restore(original, replace=True, dry_run=True) == 0
    assert desk.restore(original, replace=True, confirm=lambda _: False) == 1
    assert original.get_versions() == before
    assert desk.restore(original, replace=True) == 0
    assert original.get_changes(None).version == 5
    assert original.get_all("flag") == {}
    assert '"active"' in original.get_all("experiment")["checkout"].text
    assert "grace (restored version 3 of prod)" in list_history(original)
    assert publisher.roll_back(4) == 0
    assert publisher.list_flag_keys() == ["later"]


def test_keys_come_only_on_demand_and_one_that_was_revoked_stays_revoked(
    desk: Desk, original: MemoryDefinitions
) -> None:
    keys, other = MemoryKeys(), ApiKey("cd" * 32, "app", ("events",), "2027-01-15T08:00:00Z")
    keys.put(KEY)
    keys.put(other)
    desk.back_up(original, keys)
    assert "2 API keys" in desk.output
    desk.restore(MemoryDefinitions())
    assert "2 API keys left out" in desk.output
    revoked = ApiKey(KEY.id, "web", ("flags",), KEY.created, "2027-01-16T08:00:00Z")
    target = MemoryKeys()
    target.put(revoked)
    desk.restore(MemoryDefinitions(), target)
    assert "1 API key restored, 1 there already" in desk.output
    assert target.get_all() == [revoked, other]


def test_keys_that_the_backup_does_not_have_cannot_be_restored(
    desk: Desk, original: MemoryDefinitions
) -> None:
    desk.back_up(original)
    copy = MemoryDefinitions()
    with pytest.raises(ValueError, match="FILE has no keys"):
        desk.restore(copy, MemoryKeys())
    assert copy.get_versions() == []


def test_nothing_published_is_no_backup(desk: Desk) -> None:
    with pytest.raises(ValueError, match="nothing is published"):
        desk.back_up(MemoryDefinitions())


def test_a_row_that_was_changed_by_hand_is_named(desk: Desk, original: MemoryDefinitions) -> None:
    row = original.get_all("experiment")["checkout"]
    edited = DefinitionRow("experiment", "checkout", "{}", "active", row.version)
    original._rows["experiment", "checkout"] = edited
    desk.back_up(original)
    assert "experiment checkout was changed by hand after version 2" in desk.output


def test_a_definition_that_is_no_longer_valid_is_restored_and_named(desk: Desk) -> None:
    source, copy = MemoryDefinitions(), MemoryDefinitions()
    source.publish([DefinitionRow("flag", "old", '{"key":"old","type":"colour"}', "active")], 0, NOW)
    desk.back_up(source)
    assert desk.restore(copy) == 0
    assert "flag old is not valid in this version of the program" in desk.output
    assert copy.get_all("flag").keys() == {"old"}
    copy.publish([DefinitionRow("flag", "f", '{"key":"f","type":"boolean"}', "active")], 1, NOW)
    with pytest.raises(ValueError, match="flag old is not valid in this version of the program"):
        desk.restore(copy, replace=True)


def test_a_damaged_file_is_named(desk: Desk, original: MemoryDefinitions, tmp_path: Path) -> None:
    (tmp_path / "backup.jsonl.gz").write_bytes(b"flags: []")
    with pytest.raises(ValueError, match="FILE: this is no whole gzip file"):
        desk.restore(original)
