"""Whose data: from the command line or a file."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from chalicelib.domain.identity import Link
from realtime.commands.forget import find_linked_ids
from realtime.testing.stores import MemoryAssignments
from realtime.user_data.people import Person, add_linked_ids, list_people, map_ids


def test_one_user_may_have_several_ids() -> None:
    people = list_people(["u1"], ["visitor-1", "ada@example.com", "u1"], None)
    assert people == [Person(("u1", "visitor-1", "ada@example.com"))]
    assert set(map_ids(people).values()) == {"u1"}


def test_a_file_has_a_user_in_each_line(tmp_path: Path) -> None:
    file = tmp_path / "users.txt"
    file.write_text("\ufeffu1\tvisitor 1\n\nu2\t\n")
    assert list_people([], [], file) == [Person(("u1", "visitor 1")), Person(("u2",))]


@pytest.mark.parametrize(
    ("users", "also_ids", "text", "message"),
    [
        ([], [], None, "name either --user ID or --user-file FILE"),
        (["u1"], [], "u2", "name either --user ID or --user-file FILE"),
        (["u1", "u2"], ["v"], None, "--also-id belongs to one --user"),
        ([], ["v"], "u1", "--also-id belongs to one --user"),
        ([" "], [], None, "an id is empty"),
        (["a\x00b"], [], None, "characters that no id can have"),
        (["\udcff"], [], None, "characters that no id can have"),
        ([], [], "\n", "no user is in it"),
        ([], [], "u1\tv\nu2\tv", "an id belongs to two users"),
    ],
)
def test_a_mistake_is_named_without_the_id(
    users: list[str], also_ids: list[str], text: str | None, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "users.txt"
    file.write_text(text or "")
    with pytest.raises(ValueError, match=message):
        list_people(users, also_ids, None if text is None else file)


@pytest.fixture
def identities() -> MemoryAssignments:
    store = MemoryAssignments()
    for anonymous_id, user in (("a1", "u1"), ("a2", "u1"), ("a3", "u2")):
        store.put_link(anonymous_id, Link(user, 0.0, 1.0), 0.0)
    return store


@pytest.mark.parametrize("id_", ["u1", "a1", "a2"])
def test_ids_that_are_linked_belong_to_the_person(identities: MemoryAssignments, id_: str) -> None:
    [person] = add_linked_ids([Person((id_, "mail"))], identities)
    assert person.ids[:2] == (id_, "mail")
    assert set(person.ids) == {"u1", "a1", "a2", "mail"}
    assert add_linked_ids([Person(("nobody",))], identities) == [Person(("nobody",))]


def test_an_id_belongs_to_one_of_the_people_who_are_named(identities: MemoryAssignments) -> None:
    people = add_linked_ids([Person(("u1",)), Person(("a1",)), Person(("u2",))], identities)
    assert people == [Person(("u1", "a2")), Person(("a1",)), Person(("u2", "a3"))]


def test_a_linked_id_is_named(identities: MemoryAssignments) -> None:
    console = Console(file=io.StringIO(), width=60)
    find_linked_ids(console, [Person(("u2",))], identities)
    assert isinstance(console.file, io.StringIO)
    assert "Linked to u2, and meant too: a3" in console.file.getvalue()
