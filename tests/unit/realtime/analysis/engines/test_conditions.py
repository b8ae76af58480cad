"""``where`` in SQL means what it means in Python, and no text becomes SQL."""

import json
from typing import Any

import duckdb
import pytest
import sqlglot
from hypothesis import example, given, settings
from hypothesis import strategies as st

from realtime.analysis.engines.conditions import matches, write_condition
from realtime.analysis.engines.literals import quote, write_path
from realtime.analysis.engines.sources import write_duckdb_property

HOSTILE = [
    "it's",
    '"',
    "\\",
    "a.b",
    "$",
    "/",
    "~1",
    "",
    "é\U0001f600",
    "0",
    "*",
    "\0",
    "-- x",
    "'; drop table t",
]
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=8)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS: Any = TEXTS | NUMBERS | st.booleans() | st.sampled_from(["true", "1", "1.0", 0, 1, 1.0, "null"])
VALUES = SCALARS | st.none() | st.lists(SCALARS, max_size=2) | st.dictionaries(TEXTS, SCALARS, max_size=1)
DATABASE = duckdb.connect()
fewer = settings(max_examples=settings().max_examples // 3)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A ``where`` and an event, which often agree."""
    properties = draw(st.dictionaries(TEXTS, VALUES, max_size=3))
    names = TEXTS | st.sampled_from([*properties, "x"])
    given_scalars = [value for value in properties.values() if isinstance(value, str | int | float)]
    near = st.sampled_from(given_scalars or [0])
    wanted = SCALARS | near
    where = draw(st.dictionaries(names, wanted | st.lists(wanted, max_size=3), max_size=2))
    where.pop("currency", None)
    event: dict[str, Any] = {"properties": properties}
    if draw(st.booleans()):
        where["currency"] = draw(st.sampled_from(["EUR", "eur", "it's", 1, True, ["USD", "EUR"]]))
        event["currency"] = draw(st.sampled_from(["EUR", "eur", "USD", None]))
    return where, event


@fewer
@given(cases())
@example(({"a": True}, {"properties": {"a": 1}}))
@example(({"a": 1}, {"properties": {"a": True}}))
@example(({"a": "1"}, {"properties": {"a": 1}}))
@example(({"a": 1}, {"properties": {"a": 1.0}}))
@example(({"a": []}, {"properties": {"a": 1}}))
@example(({"a": "null"}, {"properties": {"a": None}}))
@example(({"a": "[]"}, {"properties": {"a": []}}))
@example(({"a/~b\0": "x'"}, {"properties": {"a/~b\0": "x'"}}))
@example(({"a": float("nan")}, {"properties": {"a": 1}}))
def test_where_selects_what_python_selects(case: tuple[dict[str, Any], dict[str, Any]]) -> None:
    where, event = case
    names = [name for name in where if name != "currency"]
    columns = "".join(
        f", {text} as {column}{index}"
        for index, name in enumerate(names)
        for column, text in zip("pt", write_duckdb_property(name), strict=True)
    )
    sql = (
        f"select coalesce({write_condition(where, names)}, false)"
        f" from (select upper(currency) as currency{columns}"
        " from (select cast(? as json) as properties, cast(? as varchar) as currency))"
    )
    document = json.dumps(event["properties"], ensure_ascii=False)
    [(found,)] = DATABASE.execute(sql, [document, event.get("currency")]).fetchall()
    assert found == matches(where, event)


@fewer
@given(TEXTS)
def test_a_quoted_text_is_that_text(text: str) -> None:
    assert DATABASE.execute(f"select {quote(text)}").fetchall() == [(text,)]


@fewer
@given(TEXTS)
def test_a_quoted_text_is_one_literal_for_trino(text: str) -> None:
    [statement] = sqlglot.parse(f"select {quote(text)}, {quote(write_path(text))} from t", dialect="trino")
    assert statement is not None
    assert [table.name for table in statement.find_all(sqlglot.exp.Table)] == ["t"]
    literals = statement.expressions[0].find_all(sqlglot.exp.Literal)
    texts = [literal.this for literal in literals if literal.is_string]
    assert sorted("".join(texts)) == sorted(text.replace("\0", ""))


def test_half_a_character_is_no_text() -> None:
    with pytest.raises(ValueError, match="half of a character"):
        quote("\ud800")
