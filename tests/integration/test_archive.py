"""The archive as it lies: DuckDB reads it, and it agrees with the counters."""

import gzip
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from chalicelib.domain.events import SCALE
from chalicelib.settings import Settings
from chalicelib.stores.archive import S3Archive
from chalicelib.stores.clients import Clients
from tests.support.archive import archived
from tests.support.plane import Plane, experiment
from tests.support.streams import kinesis, purchase

COUNTED = """
    with lines as (select distinct on (realtime.place) * from archive),
         counted as (select *, unnest(realtime.experiments) as part from lines)
    select part.id, part.variant, event_type, year, month, day, hour,
           count(*), sum(coalesce(value, 0)::decimal(18, 4))
    from counted group by all
"""


@pytest.fixture
def plane(service_clients: Clients, aws_settings: Settings) -> Plane:
    search = experiment("search", id="s-1", metrics=["purchase", "exposure"])
    archive = S3Archive(service_clients, aws_settings.archive_bucket)
    found = Plane(experiment(), search, archive=archive)
    for user in range(30):
        found.assign(f"u{user}", ("control", "treatment")[user % 2])
    for user in range(20):
        found.assign(f"u{user}", ("control", "treatment")[user % 3 % 2], key="search")
    return found


@pytest.fixture
def query(service_clients: Clients, aws_settings: Settings, tmp_path: Path) -> Any:
    """Rows of a query of the table ``archive``."""

    def ask(sql: str) -> list[Any]:
        for key, body in archived(service_clients, aws_settings.archive_bucket).items():
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(body)
        connection = duckdb.connect()
        files = str(tmp_path / "raw" / "events" / "**" / "*.jsonl.gz")
        archive = connection.read_json(
            files, format="newline_delimited", hive_partitioning=True, union_by_name=True
        )
        rows = archive.query("archive", sql)
        assert rows is not None
        return rows.fetchall()

    return ask


def test_the_archive_reconciles_with_the_counters(plane: Plane, query: Any) -> None:
    sent: list[Any] = [
        purchase(
            f"u{number % 40}",
            event_type=("purchase", "exposure")[number % 5 == 0],
            timestamp=f"2026-11-{21 + number % 2}T0{number % 7}:30:00+0{number % 3}:00",
            value=number / 100,
            properties={"nested": {"list": [number]}, "text": 'a\n"b'},
            **({"colour": "blue"} if number % 3 else {"size": number}),
        )
        for number in range(400)
    ]
    sent[7] = orjson.dumps(sent[7]).replace(b'"nested":{', b'"nested":{},"nested":{"list":[],')
    sent[20] = sent[10]  # a duplicate
    event = kinesis(sent)
    for start, end in [(0, 250), (100, 400), (100, 300)]:  # delivered twice, in other batches
        plane.container()({"Records": event["Records"][start:end]}, lambda: 60.0, 0.0)

    found = {}
    for scope, variant, event_type, year, month, day, hour, count, total in query(COUNTED):
        found[scope, variant, event_type, f"{year}-{month}-{day}T{hour}"] = (count, int(total * SCALE))
    expected = {}
    for scope in ("checkout", "s-1"):
        for (variant, event_type, day, hour), (count, total, _) in plane.counted(scope).items():
            date = f"2026-11-{22 + day - 20_779}T{hour:02d}"
            expected[scope, variant, event_type, date] = (count, total)
    assert found == expected
    assert query("select count(distinct event_id) from archive") == [(399,)]


def test_fields_that_only_some_events_have_are_columns(plane: Plane, query: Any) -> None:
    plane.deliver(kinesis([purchase(colour="blue"), purchase(size=3), purchase("u1")]))
    rows = query("select colour, size from archive order by realtime.place")
    assert rows == [("blue", None), (None, 3), (None, None)]


def test_an_integer_beyond_64_bits_is_archived_as_the_nearest_number(
    plane: Plane, service_clients: Clients, aws_settings: Settings
) -> None:
    text = orjson.dumps(purchase(event_id="big")).replace(b'"big"', b'"big","n":1' + b"0" * 29)
    plane.deliver(kinesis([text]))
    [body] = archived(service_clients, aws_settings.archive_bucket).values()
    assert orjson.loads(gzip.decompress(body))["n"] == 1e29
