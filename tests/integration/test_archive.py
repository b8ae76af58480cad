"""The archive as it lies: DuckDB reads it, and it agrees with the counters."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from chalicelib.domain.stream.amounts import SCALE
from chalicelib.settings import Settings
from chalicelib.stores.archive import S3Archive
from chalicelib.stores.clients import Clients
from tests.support.archive import archived
from tests.support.paths import ROOT
from tests.support.plane import EventPlane, purchase_experiment
from tests.support.streams import kinesis, purchase

DOCS = ROOT / "docs" / "archive.md"
[DOCUMENTED] = re.findall(r"^-- DuckDB.*?;$", DOCS.read_text(), re.DOTALL | re.MULTILINE)

Query = Callable[[str], list[Any]]


@pytest.fixture
def plane(service_clients: Clients, aws_settings: Settings) -> EventPlane:
    search = purchase_experiment("search", id="s-1", metrics=["purchase", "exposure"])
    archive = S3Archive(service_clients, aws_settings.archive_bucket)
    plane = EventPlane(purchase_experiment(), search, archive=archive)
    for user in range(30):
        plane.assign(f"u{user}", ("control", "treatment")[user % 2])
    for user in range(20):
        plane.assign(f"u{user}", ("control", "treatment")[user % 3 % 2], key="search")
    return plane


@pytest.fixture
def query(service_clients: Clients, aws_settings: Settings, tmp_path: Path) -> Query:
    """Rows of a query of s3://BUCKET."""

    def ask(sql: str) -> list[Any]:
        for key, body in archived(service_clients, aws_settings.archive_bucket).items():
            (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / key).write_bytes(body)
        return duckdb.connect().execute(sql.replace("s3://BUCKET", str(tmp_path))).fetchall()

    return ask


def check_reconciles(plane: EventPlane, query: Query, event_type: str) -> None:
    archived_sums = {}
    for scope, _, variant, year, month, day, hour, count, total, _ in query(
        DOCUMENTED.replace("'purchase'", f"'{event_type}'")
    ):
        archived_sums[scope, variant, f"{year}-{month}-{day}T{hour}"] = (count, int(total * SCALE))
    expected = {}
    for scope in ("checkout", "s-1"):
        for (variant, counted_type, day, hour), (count, total, _) in plane.counted(scope).items():
            if counted_type == event_type:
                expected[scope, variant, f"2026-11-{22 + day - 20_779}T{hour:02d}"] = (count, total)
    assert archived_sums == expected
    assert archived_sums


def test_the_archive_reconciles_with_the_counters(plane: EventPlane, query: Query) -> None:
    sent: list[Any] = [
        purchase(
            f"u{number % 40}",
            event_type=("purchase", "exposure")[number % 5 == 0],
            timestamp=f"2026-11-{21 + number % 2}T0{number % 7}:30:00+0{number % 3}:00",
            value=(number / 100, number * 0.000049, 0.1 + 0.2)[number % 3],
            properties={"nested": {"list": [number]}, "text": 'a\n"b'},
            **({"colour": "blue"} if number % 3 else {"Colour": number, "": []}),
            **({"Price": 1, "price": "2", "User_Id": 3, "Value": {}, "Realtime": 4} if number % 2 else {}),
        )
        for number in range(400)
    ]
    sent[7] = orjson.dumps(sent[7]).replace(b'"nested":{', b'"nested":{},"nested":{"list":[],')
    sent[20] = sent[10]  # a duplicate
    event = kinesis(sent)
    for start, end in [(0, 250), (100, 400), (100, 300)]:  # delivered twice, in other batches
        plane.new_container().process({"Records": event["Records"][start:end]}, lambda: 60.0, 0.0)
    check_reconciles(plane, query, "purchase")
    check_reconciles(plane, query, "exposure")


def test_a_line_that_was_archived_before_anything_was_decided_does_not_hide_the_one_that_counted(
    plane: EventPlane, query: Query
) -> None:
    event = kinesis([b"{", purchase("u1", value=2), purchase("u2", value=3)])
    experiments, put = plane.experiments.by_key, plane.quarantine.put
    plane.experiments.by_key, plane.quarantine.put = {}, lambda entries: [False]  # type: ignore[method-assign]
    plane.deliver({"Records": event["Records"][:2]})
    plane.experiments.by_key, plane.quarantine.put = experiments, put  # type: ignore[method-assign]
    plane.deliver(event)
    assert len(plane.counted()) == 2
    check_reconciles(plane, query, "purchase")


def test_fields_that_only_some_events_have_are_columns(plane: EventPlane, query: Query) -> None:
    plane.deliver(kinesis([purchase(colour="blue"), purchase(size=3), purchase("u1")]))
    rows = query(
        "select colour, size from read_json('s3://BUCKET/raw/events/**/*.jsonl.gz', union_by_name = true)"
        " order by realtime.place"
    )
    assert rows == [("blue", None), (None, 3), (None, None)]


def test_an_integer_beyond_64_bits_is_archived_as_the_nearest_number(
    plane: EventPlane, service_clients: Clients, aws_settings: Settings
) -> None:
    text = orjson.dumps(purchase(event_id="big")).replace(b'"big"', b'"big","n":1' + b"0" * 29)
    plane.deliver(kinesis([text]))
    [body] = archived(service_clients, aws_settings.archive_bucket).values()
    assert orjson.loads(gzip.decompress(body))["n"] == 1e29
