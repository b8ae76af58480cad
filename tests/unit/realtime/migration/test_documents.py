"""Malformed documents are refused, in whole or in part; names that are no valid keys become aliases."""

from copy import deepcopy
from functools import reduce
from operator import getitem
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.definition_files.json_schema.file import make_schema
from realtime.migration.checking import write_and_read
from realtime.migration.finishing import import_documents
from realtime.migration.model import ForeignDocument, Imported
from realtime.migration.vendors import VENDORS
from tests.unit.realtime.migration.test_refusals import read_document

SCHEMA = jsonschema.Draft202012Validator(make_schema())
DOCUMENTS = {vendor: read_document(vendor) for vendor in VENDORS}
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [*(None, True, 0, -1, 1.5, 2**70, "", "x", "\ud800", "a.b", "\x00"), *([], {}, [[]], [None], {"": 1})]
)


def list_places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of all parts of a document, as the names and numbers that lead there."""
    inner: Any = ()
    if isinstance(value, (dict, list)):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [place, *(found for name, each in inner for found in list_places(each, (*place, name)))]


PLACES = {vendor: list_places(document)[1:] for vendor, document in DOCUMENTS.items()}


@st.composite
def malformed(draw: st.DrawFn) -> tuple[str, Any]:
    """A document with some parts removed or put in place of others."""
    vendor = draw(st.sampled_from(list(VENDORS)))
    document = deepcopy(DOCUMENTS[vendor])
    for place in draw(st.lists(st.sampled_from(PLACES[vendor]), min_size=1, max_size=3)):
        holder = document
        try:
            for name in place[:-1]:
                holder = holder[name]
            change = draw(st.sampled_from(["remove", "replace", "move"]))
            if change == "remove":
                del holder[place[-1]]
            elif change == "move":  # from a field of the same name: mostly valid
                source = draw(st.sampled_from([each for each in PLACES[vendor] if each[-1] == place[-1]]))
                holder[place[-1]] = deepcopy(reduce(getitem, source, DOCUMENTS[vendor]))
            else:
                holder[place[-1]] = draw(ODD | st.sampled_from([deepcopy(DOCUMENTS[vendor])]))
        except (KeyError, IndexError, TypeError):  # another change has taken it away
            continue
    return vendor, document


@settings(max_examples=25)
@given(malformed())
def test_a_malformed_document_is_refused_or_becomes_a_valid_file(case: tuple[str, Any]) -> None:
    vendor, document = case
    try:
        imported = import_documents(vendor, [document], {})
    except ForeignDocument:
        return
    assert all(note.message for note in imported.refusals)
    definitions = write_and_read(imported)
    for flag in imported.flags[-3:]:
        assert [error.message for error in SCHEMA.iter_errors({"flags": [flag.data]})] == []
        definitions.ask(flag.name, "u-1", {"country": "DE", "Email": "a@b.c"}, 0.0, None)


@pytest.mark.parametrize("vendor", VENDORS)
def test_two_documents_are_one_import(vendor: str) -> None:
    once = import_documents(vendor, [DOCUMENTS[vendor]], {})
    assert len(once.flags) > 5
    twice = import_documents(vendor, [DOCUMENTS[vendor], DOCUMENTS[vendor]], {})
    names = {definition.name for definition in twice.flags}
    assert names == {definition.name for definition in once.flags}


def toggle(name: str) -> Any:
    return {"name": name, "enabled": True, "strategies": []}


def import_toggles(*names: str) -> Imported:
    return import_documents("unleash", [{"version": 2, "features": [toggle(name) for name in names]}], {})


NAMES = ["with blanks", "a/b", "grüppe", "日本", "💥", "%", "x" * 256, " ", "on", "1.0", "2026-01-31", "'\""]


@pytest.mark.parametrize("name", NAMES)
def test_a_caller_may_ask_by_any_key(name: str) -> None:
    imported = import_toggles(name, "another")
    assert imported.refusals == []
    answer = write_and_read(imported).ask(name, None, {}, 0.0, False)
    assert answer.enabled is True


@pytest.mark.parametrize("name", ["", "x" * 257, "\ud800"])
def test_a_key_that_no_caller_could_send_is_refused_alone(name: str) -> None:
    imported = import_toggles(name, "another")
    assert [note.key for note in imported.refusals] == [name]
    assert [flag.name for flag in imported.flags] == ["another"]


def test_keys_that_would_be_one_stay_two() -> None:
    imported = import_toggles("a/b", "a b", "a-b", "a?b")
    assert [flag.data["key"] for flag in imported.flags] == ["a-b-2", "a-b-3", "a-b", "a-b-4"]
    assert [flag.data.get("alias") for flag in imported.flags] == ["a/b", "a b", None, "a?b"]
