"""Files for a notebook: they add up to what an analysis says."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.engines.duckdb_engine import DuckDatabase
from realtime.analysis.engines.exporting import export
from realtime.analysis.engines.sql_engine import SqlEngine
from realtime.analysis.model import ArchiveError
from tests.support.archives import DAY, START, Line, assignment, design, exposure, line, write_lines

REVENUE = MetricDocument(key="revenue", event="purchase", aggregate="sum", window="2d", pre_period="1d")
VALUE = MetricDocument.model_validate(
    {
        "key": "order-value",
        "numerator": {"event": "purchase", "aggregate": "sum"},
        "denominator": {"event": "purchase"},
    }
)


@pytest.fixture
def database(tmp_path: Path) -> DuckDatabase:
    lines: list[Line] = [
        assignment("ann", "control", START, "s:0:0"),
        exposure("ann", "control", START + 60, "s:1:0"),
        exposure("ann", "treatment", START + 90, "s:2:0"),
        exposure('bob, "jr"', "treatment", START + 2 * DAY, "s:3:0"),
        exposure("eve", "$unassigned", START, "s:4:0"),
        line("ann", "purchase", START + 70, "s:5:0", value=19.99),
        line("ann", "purchase", START + 80, "s:6:0", value=1),
        line("ann", "purchase", START + 10, "s:7:0", value=5),
    ]
    write_lines(tmp_path / "archive", lines)
    return DuckDatabase(FolderArchive(tmp_path / "archive"))


def read(file: Path) -> list[Any]:
    return duckdb.connect().execute(f"from '{file}'").fetchall()


@pytest.mark.parametrize("file_format", ["parquet", "csv"])
def test_users_and_their_numbers_are_files(database: DuckDatabase, tmp_path: Path, file_format: Any) -> None:
    asked = design(REVENUE, VALUE, until=START + 3 * DAY)
    counts = export(database, asked, tmp_path / "out", file_format)
    assert counts == {
        f"assignments.{file_format}": 1,
        f"exposures.{file_format}": 3,
        f"users.{file_format}": 2,
    }
    ann, bob = read(tmp_path / "out" / f"users.{file_format}")
    assert [ann[0], ann[1], str(ann[2])] == ["ann", "control", "2026-11-01 00:01:00"]
    assert [Decimal(str(number)) for number in ann[3:]] == [
        Decimal("20.99"),
        Decimal(5),
        Decimal("20.99"),
        Decimal(2),
    ]
    assert bob[:2] == ('bob, "jr"', "treatment")
    assert bob[3:5] == (None, None)  # its window is not over
    [revenue, _] = SqlEngine(database).read_moments(asked, [REVENUE, VALUE])
    assert revenue.sums[0].totals["y"] == Decimal("20.99")
    assert [row[1] for row in read(tmp_path / "out" / f"exposures.{file_format}")] == [
        "control",
        "treatment",
        "treatment",
    ]


def test_nothing_is_overwritten(database: DuckDatabase, tmp_path: Path) -> None:
    assert export(database, design(), tmp_path / "out", "csv")["users.csv"] == 2
    with pytest.raises(ArchiveError, match="exists already"):
        export(database, design(), tmp_path / "out", "csv")
