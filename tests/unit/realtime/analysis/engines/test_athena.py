"""Athena's text parses, and gives the same numbers as DuckDB's; statements are started, polled and paged."""

import random
import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
import sqlglot
from botocore import UNSIGNED, xform_name
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.archive.files import Days, Files
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.engines import answers
from realtime.analysis.engines.athena_engine import AthenaDatabase, create_athena_engine
from realtime.analysis.engines.athena_table import (
    AthenaOptions,
    Layout,
    name_elsewhere,
    name_in_stack,
    write_partitions,
)
from realtime.analysis.engines.columns import write_raw
from realtime.analysis.engines.duckdb_connection import connect, execute
from realtime.analysis.engines.duckdb_engine import create_duckdb_engine
from realtime.analysis.engines.sources import TABLE
from realtime.analysis.engines.sql_engine import SqlEngine
from realtime.analysis.model import ArchiveError
from tests.support.archives import DAY, START, design, draw_design, draw_lines, exposure, write_lines

LAYOUT = Layout("s3://bucket")
OPTIONS = AthenaOptions("default", "realtime_events", "primary")
NOW = START + 30 * DAY
METRIC = MetricDocument(key="m", event="purchase", aggregate="sum", cap=0.99, pre_period="7d", window="7d")


class Transpiled(AthenaDatabase):
    """Runs Athena's text in DuckDB, as sqlglot translates it."""

    def __init__(self, files: Files, folder: Path) -> None:
        super().__init__(None, LAYOUT, OPTIONS, clock=lambda: NOW)
        self._files = files
        self._folder = folder

    def run(self, sql: str) -> list[answers.Row]:
        [text] = sqlglot.transpile(sql, read="athena", write="duckdb")
        text = text.replace('"default"."realtime_events"', f"{TABLE}_of_days")
        head = (
            f"{TABLE}_of_days as (select *, strftime(cast(realtime.occurred_at as timestamp), '%Y') as year,"
            f" strftime(cast(realtime.occurred_at as timestamp), '%m') as month from {TABLE})"
        )
        assert text.upper().startswith("WITH ")
        with connect("1GB", str(self._folder)) as connection:
            execute(connection, f"create view {TABLE} as {write_raw(self._files.raw)}")
            return execute(connection, f"with {head}, {text[5:]}")


@pytest.mark.parametrize("seed", [0, 2, 5, 8])
def test_the_text_gives_the_same_numbers_as_duckdbs(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    lines, asked = draw_lines(rng), draw_design(rng)
    write_lines(tmp_path, lines)
    archive = FolderArchive(tmp_path)
    ours, theirs = (
        create_duckdb_engine(archive),
        SqlEngine(Transpiled(archive.fetch(Days(), lambda _: None), tmp_path)),
    )
    metrics = [planned.metric for planned in asked.metrics]
    assert theirs.read_moments(asked, metrics) == ours.read_moments(asked, metrics)
    assert theirs.read_census(asked) == ours.read_census(asked)
    assert theirs.read_counts(asked) == ours.read_counts(asked)


def test_the_text_reads_accounts_too(tmp_path: Path) -> None:
    lines = [
        exposure("u1", "control", START, "p1", properties={"account": {"id": "acme"}}),
        exposure("u2", "control", START + 1, "p2", properties={"account": {"id": "acme"}}),
        exposure("u3", "treatment", START, "p3", properties={"account.id": 7}),
        exposure("u4", "treatment", START, "p4"),
    ]
    write_lines(tmp_path, lines)
    archive = FolderArchive(tmp_path)
    asked = design(METRIC, unit=(("account.id",), ("account", "id")))
    theirs = SqlEngine(Transpiled(archive.fetch(Days(), lambda _: None), tmp_path))
    census = theirs.read_census(asked)
    assert [users.users for users in census.users] == [1, 1]
    assert census.nameless == 1
    assert create_duckdb_engine(archive).read_census(asked) == census


HOSTILE = "it's \"a\" \\ \0 $.x['é'] -- ; drop table events"


def test_every_statement_parses_whatever_names_are_in_it() -> None:
    metric = METRIC.model_copy(update={"where": {HOSTILE: [HOSTILE, 1.5, True], "currency": HOSTILE}})
    asked = design(
        metric,
        experiment_key=HOSTILE,
        experiment_id=HOSTILE,
        anchor="assignment",
        left_out=frozenset([HOSTILE]),
        shares={HOSTILE: 1.0},
        since=START,
        until=NOW,
    )
    database = AthenaDatabase(None, LAYOUT, OPTIONS, clock=lambda: NOW)
    _, *statements = SqlEngine(database).list_sql(asked, [metric])
    for dialect in ("athena", "trino"):
        for statement in statements:
            [parsed] = sqlglot.parse(statement, dialect=dialect)
            assert parsed is not None
            assert parsed.find(sqlglot.exp.Drop) is None


def test_partitions_are_pruned_by_plain_predicates() -> None:
    days = Days(date(2026, 10, 5), date(2026, 11, 2))
    today = date(2026, 12, 9)
    assert write_partitions(days, LAYOUT, today) == "year in ('2026') and month in ('10', '11')"
    by_delivery = Layout("s3://bucket", has_hours=False)
    assert write_partitions(days, by_delivery, today) == "year in ('2026') and month in ('10', '11', '12')"
    assert write_partitions(Days(date(2025, 10, 5), None), LAYOUT, today) == "year in ('2025', '2026')"


def test_the_table_is_the_documented_one() -> None:
    [table, *_] = SqlEngine(AthenaDatabase(None, LAYOUT, OPTIONS)).list_sql(design(), [])
    assert "location 's3://bucket/raw/events/'" in table
    assert "'s3://bucket/raw/events/year=${year}/month=${month}/day=${day}/hour=${hour}/'" in table
    flat = AthenaDatabase(None, Layout("s3://bucket/x/", has_hours=False), OPTIONS)
    [table, *_] = SqlEngine(flat).list_sql(design(), [])
    assert "hour" not in table
    assert "'s3://bucket/x/raw/events/year=${year}/month=${month}/day=${day}/'" in table


class FakeAthena:
    """Answers as the API is documented: asynchronous, in pages, with a first row of names."""

    def __init__(self, state: str = "SUCCEEDED", pages: int = 1) -> None:
        self.statements: list[dict[str, Any]] = []
        self.polls = 0
        self.state = state
        self.pages = pages

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        self.statements.append(request)
        return {"QueryExecutionId": f"q{len(self.statements)}"}

    def get_query_execution(self, **request: Any) -> dict[str, Any]:
        self.polls += 1
        state = self.state if self.polls % 2 == 0 else "RUNNING"
        status = {"State": state, "StateChangeReason": "line 1:1: Table does not exist"}
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 3_000_000_000}}}

    def get_query_results(self, **request: Any) -> dict[str, Any]:
        page = int(request.get("NextToken", 0))
        names = [
            "variant",
            "left_out",
            "day",
            "users",
            "moved",
            "earlier",
            "unassigned",
            "late",
            "unreadable",
            "nameless",
            "lines",
        ]
        names += ["first_anchor", "last_anchor"]
        row = ["control", "0", str(20758 + page), "2", "1", "0", "0", "0", "0", "0", "9", "1793491200000000"]
        rows = [*([names] if page == 0 else []), [*row, "1793491200000000"]]
        data = [{"Data": [{"VarCharValue": value} for value in row]} for row in rows]
        more = {"NextToken": str(page + 1)} if page + 1 < self.pages else {}
        return {"ResultSet": {"Rows": data}, **more}


def open_database(client: Any, told: list[str], **fields: Any) -> AthenaDatabase:
    return AthenaDatabase(
        client, LAYOUT, replace(OPTIONS, **fields), told.append, sleep=lambda _: None, clock=lambda: NOW
    )


def test_a_statement_is_started_polled_and_paged() -> None:
    client, told = FakeAthena(pages=3), list[str]()
    engine = SqlEngine(open_database(client, told, workgroup="team", output="s3://results/"))
    control, _ = engine.read_census(design()).users
    assert (control.users, control.moved) == (6, 3)
    assert list(control.by_day) == ["2026-11-01", "2026-11-02", "2026-11-03"]
    engine.read_census(design())
    table, *queries = [each["QueryString"] for each in client.statements]
    assert table.startswith("create external table if not exists")
    assert [text.startswith("with source as") for text in queries] == [True, True]
    assert {each["WorkGroup"] for each in client.statements} == {"team"}
    assert client.statements[0]["ResultConfiguration"] == {"OutputLocation": "s3://results/"}
    assert told[-1] == "Athena has scanned 9,000.0 MB, about $0.0450"


def test_a_table_that_is_there_is_not_created() -> None:
    client = FakeAthena()
    engine = SqlEngine(open_database(client, [], is_made=True))
    engine.read_census(design())
    assert [each["QueryString"].startswith("with source as") for each in client.statements] == [True]
    [first, *_] = engine.list_sql(design(), [])
    assert first.startswith("with source as")


def test_each_archive_has_a_table_of_its_own() -> None:
    layouts = [
        LAYOUT,
        Layout("s3://bucket", has_hours=False),
        Layout("s3://bucket/a"),
        Layout("s3://other"),
    ]
    tables = {name_elsewhere(layout).table for layout in layouts}
    assert len(tables) == len(layouts)
    assert all(re.fullmatch("realtime_events_[0-9a-f]{8}", table) for table in tables)
    assert name_elsewhere(Layout("s3://bucket/")) == name_elsewhere(LAYOUT)
    made = name_in_stack("my-env")
    assert made == AthenaOptions("realtime_my_env", "realtime_events", "realtime-my-env", is_made=True)


def test_a_failure_says_why() -> None:
    with pytest.raises(ArchiveError, match=r"failed: line 1:1: Table does not exist \(query q1\)"):
        SqlEngine(open_database(FakeAthena("FAILED"), [])).read_census(design())


def test_a_refusal_names_the_operation() -> None:
    class Refusing(FakeAthena):
        def start_query_execution(self, **request: Any) -> dict[str, Any]:
            answer: Any = {"Error": {"Code": "InvalidRequestException", "Message": "No output location"}}
            raise ClientError(answer, "StartQueryExecution")

    with pytest.raises(ArchiveError, match=r"No output location \(start_query_execution\)"):
        create_athena_engine(Refusing(), LAYOUT, OPTIONS).read_census(design())


def test_a_statement_that_never_ends_is_stopped() -> None:
    class Endless(FakeAthena):
        stopped = ""

        def get_query_execution(self, **request: Any) -> dict[str, Any]:
            return {"QueryExecution": {"Status": {"State": "RUNNING"}}}

        def stop_query_execution(self, **request: Any) -> None:
            self.stopped = request["QueryExecutionId"]

    client, times = Endless(), iter(range(0, 100_000, 600))
    database = AthenaDatabase(client, LAYOUT, OPTIONS, sleep=lambda _: None, clock=lambda: float(next(times)))
    with pytest.raises(ArchiveError, match="has not finished q1 in 30 minutes"):
        SqlEngine(database).read_census(design(until=NOW))
    assert client.stopped == "q1"


def test_an_interrupted_statement_is_stopped_and_costs_are_noted() -> None:
    class Watched(FakeAthena):
        stopped = ""

        def stop_query_execution(self, **request: Any) -> None:
            self.stopped = request["QueryExecutionId"]

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    client = Watched()
    database = AthenaDatabase(client, LAYOUT, OPTIONS, sleep=interrupt, clock=lambda: NOW)
    with pytest.raises(KeyboardInterrupt):
        SqlEngine(database).read_census(design(until=NOW))
    assert client.stopped == "q1"
    engine = SqlEngine(open_database(FakeAthena(), []))
    assert engine.notes == []
    engine.read_census(design())
    assert engine.notes == ["Athena has scanned 6,000.0 MB, about $0.0300"]


CALLS: dict[str, dict[str, Any]] = {
    "StartQueryExecution": {"QueryExecutionId": "q1"},
    "GetQueryExecution": {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}},
    "GetQueryResults": {"ResultSet": {"Rows": []}},
}


def test_requests_are_what_the_api_takes() -> None:
    """botocore checks each request and answer against the API's model."""
    client = boto3.client("athena", region_name="eu-central-1", config=Config(signature_version=UNSIGNED))
    with Stubber(client) as stub:
        for operation in ("StartQueryExecution", "GetQueryExecution") * 2:
            stub.add_response(xform_name(operation), CALLS[operation])
        stub.add_response("get_query_results", CALLS["GetQueryResults"])
        options = AthenaOptions("team", "realtime_events", workgroup="analysts", output="s3://results/")
        census = create_athena_engine(client, LAYOUT, options).read_census(design(METRIC))
        stub.assert_no_pending_responses()
    assert [users.users for users in census.users] == [0, 0]


def test_a_statement_that_is_too_long_is_refused() -> None:
    asked = design(left_out=frozenset(f"user-{number:060}" for number in range(4000)))
    with pytest.raises(ArchiveError, match="longer than Athena takes"):
        SqlEngine(open_database(FakeAthena(), [])).read_census(asked)
