"""Whose data: from the command line or a file."""

from pathlib import Path

import pytest

from realtime.user_data.people import Person, list_people, map_ids


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
