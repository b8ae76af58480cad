"""`experiments`, `segments` and `show`."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import NotFound
from chalicelib.services.admin.listing import find, list_all
from chalicelib.services.admin.past_versions import PastVersions
from realtime.commands.listing import find_names, list_definitions, show_definitions
from realtime.testing.stores import MemoryDefinitions
from tests.support.publisher import NOW

VARIANTS = [{"key": "old", "allocation": 0.5}, {"key": "new", "allocation": 0.5}]
LONG = "an-experiment-with-a-very-long-key-that-a-narrow-terminal-folds"


class Desk:
    def __init__(self, width: int = 100) -> None:
        self.store = MemoryDefinitions()
        self.console = Console(file=io.StringIO(), width=width)

    def publish(self, kind: Any, *documents: dict[str, Any]) -> None:
        rows = [DefinitionRow(kind, each["key"], json.dumps(each), "active") for each in documents]
        self.store.publish(rows, self.store.get_changes(None).version, NOW, "ann", "why")

    def list(self, kind: Any, *, as_json: bool = False) -> str:
        _, listed = list_all(self.store, PastVersions(self.store))
        list_definitions(self.console, kind, listed, NOW, as_json=as_json)
        return self.read()

    def show(self, key: str, *, as_json: bool = False) -> str:
        past = PastVersions(self.store)
        names = find_names(key, list_all(self.store, past)[1])
        found = [find(self.store, past, name) for name in names]
        show_definitions(self.console, found, NOW, as_json=as_json)
        return self.read()

    def read(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()


def test_experiments_are_listed_with_split_and_owner() -> None:
    desk = Desk()
    desk.publish("experiment", {"key": "checkout", "variants": VARIANTS, "owner": "shop", "status": "active"})
    text = desk.list("experiment")
    assert "checkout" in text
    assert "50 % old, 50 % new" in text
    assert "shop" in text


def test_60_columns_cut_off_nothing() -> None:
    desk = Desk(width=60)
    desk.publish("experiment", {"key": LONG, "variants": VARIANTS, "owner": "shop", "status": "active"})
    text = desk.list("experiment")
    assert max(map(len, text.splitlines())) <= 60
    together = "".join(line[:30].split(" ")[0] for line in text.splitlines()[1:])
    assert LONG in together
    for word in ("status", "does", "changed", "owner", "shop"):
        assert word in text


def test_where_there_are_none_it_says_how_to_add_some() -> None:
    assert "There are no segments. `publish` adds some." in Desk().list("segment")


def test_a_definition_is_shown_in_words_with_who_changed_it() -> None:
    desk = Desk()
    desk.publish("segment", {"key": "staff", "when": {"if": "email", "ends_with": "@example.com"}})
    rules = [{"when": {"segment": "staff"}, "serve": "on"}]
    desk.publish(
        "flag", {"key": "dark", "type": "boolean", "rules": rules, "description": "The [b]theme[/b]."}
    )
    text = desk.show("dark")
    assert "flag dark, active, version 2" in text
    assert "by ann" in text
    assert "The [b]theme[/b]." in text
    assert "1. rule 1: if in segment staff" in text
    assert "uses segment staff" in text
    assert 'In it: email ends with "@example.com"' in Desk.show(desk, "staff")


def test_a_flag_and_an_experiment_of_the_same_key_are_both_shown(capsys: pytest.CaptureFixture[str]) -> None:
    desk = Desk()
    desk.publish("flag", {"key": "x", "type": "boolean"})
    desk.publish("experiment", {"key": "x", "variants": VARIANTS, "status": "active"})
    desk.show("x", as_json=True)
    assert [each["kind"] for each in json.loads(capsys.readouterr().out)] == ["experiment", "flag"]


def test_a_key_that_is_not_there_is_compared_with_those_that_are() -> None:
    desk = Desk()
    desk.publish("flag", {"key": "dark", "type": "boolean"})
    with pytest.raises(NotFound, match="did you mean dark"):
        desk.show("drak")


def test_a_row_that_cannot_be_read_says_why() -> None:
    desk = Desk()
    desk.publish("flag", {"key": "f", "type": "boolean", "x": 1})
    text = desk.show("f")
    assert "cannot be read" in text
    assert "x: unknown field" in text
