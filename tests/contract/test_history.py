"""What every history of assignments does: the one in memory and the one in PostgreSQL."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.stream.assignment_history import History, HistoryRow, RefusedRow, merge_rows
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.postgres import AssignmentHistory
from realtime.testing.stores import MemoryAssignmentHistory
from tests.support.history import row, stored
from tests.support.postgres import Postgres


class HistoryUnderTest(NamedTuple):
    store: History
    rows: Callable[[], dict[str, HistoryRow]]


@pytest.fixture
def postgres_history(database: Postgres) -> Iterator[AssignmentHistory]:
    where = replace(Settings.from_env({}), postgres_url=database.url)
    history = AssignmentHistory(Clients(where), where)
    yield history
    history.close()


@pytest.fixture(params=["memory", "postgres"])
def history(request: pytest.FixtureRequest) -> HistoryUnderTest:
    if request.param == "memory":
        memory = MemoryAssignmentHistory()
        return HistoryUnderTest(memory, lambda: memory.rows)
    database: Postgres = request.getfixturevalue("database")
    return HistoryUnderTest(request.getfixturevalue("postgres_history"), lambda: stored(database))


def test_what_is_written_is_there(history: HistoryUnderTest) -> None:
    written = [row(number, at=number % 60) for number in range(500)]
    assert history.store.upsert(written) == []
    assert list(history.rows().values()) == written


def test_a_newer_row_replaces_the_variant_and_keeps_the_first_time(history: HistoryUnderTest) -> None:
    history.store.upsert([row(1), row(2)])
    history.store.upsert([row(1, at=5, variant_id="treatment")])
    changed = row(1, since=0, at=5, variant_id="treatment")
    assert history.rows() == {changed.id: changed, row(2).id: row(2)}


def test_an_older_row_that_comes_late_changes_only_the_first_time(history: HistoryUnderTest) -> None:
    history.store.upsert([row(1, at=5, variant_id="treatment")])
    history.store.upsert([row(1)])
    assert history.rows() == {row().id: row(1, since=0, at=5, variant_id="treatment")}


@pytest.mark.parametrize("size", [1, 2, 500])
def test_rows_that_can_never_be_stored_keep_no_other_from_it(history: HistoryUnderTest, size: int) -> None:
    poison = {0, size // 2, size - 1}
    rows = [row(number, user_id="a\0b" if number in poison else "u") for number in range(size)]
    assert history.store.upsert(rows) == [RefusedRow(rows[number], "22P05") for number in sorted(poison)]
    assert list(history.rows()) == [row_.id for number, row_ in enumerate(rows) if number not in poison]


def test_no_text_is_taken_for_anything_else(history: HistoryUnderTest) -> None:
    texts = [
        "'; DROP TABLE assignments --",
        ":rows",
        "$1",
        '"}, {',
        "\\u0000",
        "\\",
        "日本",
        "😀",
        "",
        "null",
    ]
    rows = [row(number, user_id=text) for number, text in enumerate(texts)]
    assert history.store.upsert(rows) == []
    assert [row_.user_id for row_ in history.rows().values()] == texts


ROWS = st.builds(
    lambda number, at: row(number, at=at, variant_id=f"v{at}"), st.integers(1, 5), st.integers(0, 59)
)


@given(batches=st.lists(st.lists(ROWS, max_size=8), max_size=6))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_agree_whatever_comes_in_whatever_order(
    database: Postgres, postgres_history: AssignmentHistory, batches: list[list[HistoryRow]]
) -> None:
    database.run("TRUNCATE assignments")
    memory = MemoryAssignmentHistory()
    for batch in batches:
        assert postgres_history.upsert(merge_rows(batch)) == memory.upsert(merge_rows(batch)) == []
    assert stored(database) == memory.rows
