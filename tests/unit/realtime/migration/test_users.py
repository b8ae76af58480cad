"""Users of a file with what clients send for them."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from realtime.migration.users import Cells, User, read_users


def read(path: Path, text: str, **cells: Any) -> list[User]:
    path.write_text(text)
    return list(read_users(path, Cells(**cells)))


def test_columns_are_attributes_and_empty_cells_none(tmp_path: Path) -> None:
    users = read(tmp_path / "x.csv", "user,country,age\nada,DE,12\n,,\nbob,,7\n")
    assert [(user.id, user.context) for user in users] == [
        ("ada", {"country": "DE", "age": "12"}),
        (None, {}),
        ("bob", {"age": "7"}),
    ]
    assert [user.place for user in users] == ["row 1 (line 2)", "row 2 (line 3)", "row 3 (line 4)"]


@pytest.mark.parametrize("header", ["user;a", "user_id;a", "distinct;a"])
def test_the_ids_are_in_a_column_with_a_known_name_or_the_one_that_is_named(
    tmp_path: Path, header: str
) -> None:
    [user] = read(tmp_path / "x.csv", f"{header}\nada;1\n", user="distinct" if "distinct" in header else "")
    assert user[1:] == ("ada", {"a": "1"})


CELLS = [
    ("12", "12", 12),
    ("1.50", "1.50", 1.5),
    ("true", "true", True),
    ("null", "null", None),
    ("007", "007", "007"),
    ("1.2.3", "1.2.3", "1.2.3"),
    ("truth", "truth", "truth"),
    ("[1", "[1", "[1"),
    ('"[""a"", 1]"', ["a", 1], ["a", 1]),
    ('"{""plan"": ""pro""}"', {"plan": "pro"}, {"plan": "pro"}),
]


@pytest.mark.parametrize(("cell", "untyped", "typed"), CELLS)
def test_cells_are_text_unless_they_are_objects_lists_or_typed(
    tmp_path: Path, cell: str, untyped: Any, typed: Any
) -> None:
    text = f"user,a,b\nada,{cell},{cell}\n"
    [user] = read(tmp_path / "x.csv", text)
    assert user.context == {"a": untyped, "b": untyped}
    [user] = read(tmp_path / "x.csv", text, are_typed=True, texts=["b"])
    assert user.context == {"a": typed, "b": untyped}
    assert type(user.context["a"]) is type(typed)


def test_dots_lead_into_objects_unless_they_are_escaped(tmp_path: Path) -> None:
    [user] = read(tmp_path / "x.csv", "user,company.key,company.plan.name,a\\.b\nada,c1,pro,x\n")
    assert user.context == {"company": {"key": "c1", "plan": {"name": "pro"}}, "a.b": "x"}


def test_a_column_may_have_the_whole_context(tmp_path: Path) -> None:
    [user, other] = read(
        tmp_path / "x.csv", 'user,context,country\nada,"{""age"": 3, ""country"": ""FR""}",DE\nbob,,\n'
    )
    assert user.context == {"age": 3, "country": "DE"}
    assert other.context == {}


def test_json_lines_have_every_type(tmp_path: Path) -> None:
    users = read(
        tmp_path / "x.jsonl",
        '\n{"user": "ada", "context": {"age": 3, "a.b": {"c": []}}}\n{"user_id": null}\n{"user": "bob"}\n',
    )
    assert users == [
        User("line 2", "ada", {"age": 3, "a.b": {"c": []}}),
        User("line 3", None, {}),
        User("line 4", "bob", {}),
    ]


def test_a_file_may_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"user\nada\n"))
    assert [user.id for user in read_users(path, Cells())] == ["ada"]


@pytest.mark.parametrize(
    ("text", "cells", "message"),
    [
        ("id,a\n1,2\n", {}, "has no column user or user_id; it has id, a. Name it with --user-column"),
        ("user,a\n1,2\n", {"user": "uid"}, "has no column uid; it has user, a."),
        ("user,a\n1,2\n", {"texts": ["b"]}, "has no column b, which --text names"),
        ("user,a,a.b\n1,2,3\n", {}, "the columns a and a.b are one attribute"),
        ("user,a\nada\n", {}, "row 1 (line 2): has 1 cells, must have 2 cells"),
        ("user,context\nada,x\n", {}, "row 1 (line 2): context: must be a JSON object"),
        ('{"user": "ada"}\n{', {}, "line 2: column 2: is not JSON"),
        ('{"user": "ada", "user": "b"}\n', {}, "line 1: 'user' is written twice"),
        ('{"user": 7}\n', {}, "line 1: user: must be text or null"),
        ('{"context": {}}\n', {}, 'line 1: must be {"user": '),
        ('{"user": "ada", "context": []}\n', {}, "line 1: context: must be a JSON object"),
        ("[]\n", {}, 'line 1: must be {"user": '),
        ("", {}, "is empty"),
        ("PAR1", {}, "is Parquet; export it as CSV or JSON Lines"),
    ],
)
def test_what_is_no_user_is_named_with_its_line(
    tmp_path: Path, text: str, cells: dict[str, Any], message: str
) -> None:
    path = tmp_path / "x.csv"
    with pytest.raises(ValueError) as error:  # noqa: PT011
        read(path, text, **cells)
    assert str(error.value).startswith(f"{path}: {message}")
