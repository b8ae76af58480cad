"""Moments of CDNOW's customers in an experiment of the second quarter, to the last digit."""

from fractions import Fraction

import pytest

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.engines.sql_engine import SqlEngine
from realtime.analysis.model import Design, Moments
from realtime.demo.cdnow import read_customers
from tests.support.archives import Line, assignment, design, line, write_lines
from tests.support.cdnow import assign_customers, read_purchases
from tests.support.experiments import experiment

ASSIGNED = 859_852_800.0  # 1997-04-01T00:00:00Z
SCALE = 10_000


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> SqlEngine:
    folder = tmp_path_factory.mktemp("archive")
    q2 = experiment("checkout", id="checkout", salt="cdnow-q2")
    anchors = assign_customers(q2, read_customers(), ASSIGNED)
    lines: list[Line] = [
        assignment(anchor.user, anchor.variant, anchor.at, f"s:a{number}:0")
        for number, anchor in enumerate(anchors)
    ]
    lines += [
        line(event.user, event.type, event.at, f"s:{number}:0", value=float(event.value))
        for number, event in enumerate(read_purchases())
    ]
    write_lines(folder, lines)
    return create_duckdb_engine(FolderArchive(folder))


def list_totals(moments: Moments) -> list[int]:
    control = moments.sums[0]
    totals, products = control.totals, control.products
    sums = totals["y"] * SCALE, products["yy"] * SCALE**2, totals["x"] * SCALE
    return [int(number) for number in (*sums, products["yx"] * SCALE**2, products["xx"] * SCALE**2)]


def test_moments_of_the_second_quarter(engine: SqlEngine) -> None:
    revenue = MetricDocument(key="revenue", event="purchase", aggregate="sum", window="90d", pre_period="90d")
    capped = revenue.model_copy(update={"key": "capped", "cap": 0.99})
    orders = MetricDocument(key="orders", event="purchase", window="90d")
    asked: Design = design(revenue, capped, orders, anchor="assignment")
    found = engine.read_moments(asked, [revenue, capped, orders])
    assert [sums.users for sums in found[0].sums] == [11_820, 11_750]
    assert list_totals(found[0]) == [
        1_810_230_400,
        3_784_026_140_800_000,
        5_419_054_200,
        2_593_856_979_900_000,
        11_407_550_963_020_000,
    ]
    assert (found[1].cap, found[1].pre_cap) == (Fraction("219.71"), Fraction("280.89"))
    assert found[2].sums[0].totals["y"] == 4911
    assert found[2].sums[0].products["yy"] == 17359
    census = engine.read_census(asked)
    assert [users.users for users in census.users] == [11_820, 11_750]
