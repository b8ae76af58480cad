"""Which column is which field: by the system's shape, by common names, or by what the person says."""

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.event_files.guess import NAMES
from realtime.event_files.options import ReadOptions, parse_options
from realtime.event_files.reader import EventFile, UniqueRows
from realtime.event_files.rows import FileError
from realtime.event_files.shapes import SHAPES


def read(tmp_path: Path, content: Any, **options: Any) -> list[dict[str, Any]]:
    """``content`` is text of a CSV file, or a list of objects for lines of JSON."""
    file = tmp_path / ("e.csv" if isinstance(content, str) else "e.jsonl")
    text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
    file.write_text(text)
    said: dict[str, Any] = {"maps": [], "constants": [], "null_texts": []}
    rows = EventFile(file, file.name, "h").read(parse_options(**said | options))
    return [row.event if row.event is not None else {"problem": row.problem} for row in rows]


def test_columns_of_common_names_are_known_whatever_their_case(tmp_path: Path) -> None:
    (event,) = read(
        tmp_path, "Event Name,Customer-ID,Created At,Total Price,Colour\nbuy,7,2026-01-01,2.5,red\n"
    )
    assert event == {
        "event_id": "h-1",
        "event_type": "buy",
        "user_id": "7",
        "timestamp": "2026-01-01T00:00:00Z",
        "value": 2.5,
        "properties": {"Colour": "red"},
    }


def test_columns_inside_objects_are_known_too(tmp_path: Path) -> None:
    (event,) = read(tmp_path, [{"action": "buy", "user": {"id": 7}, "ts": 1795341600, "order": {"total": 5}}])
    assert (event["event_type"], event["user_id"], event["value"]) == ("buy", "7", 5)
    assert event["properties"] == {"user": {"id": 7}, "order": {"total": 5}}


def test_a_field_has_no_two_guesses_of_one_name() -> None:
    for name, words in NAMES.items():
        assert len(words.split()) == len(set(words.split())), name


def test_what_is_said_goes_before_what_is_guessed(tmp_path: Path) -> None:
    content = "event,user_id,account,time,price,cost\nbuy,u1,a1,2026-01-01,2,3\nbuy,u2,,2026-01-01,2,3\n"
    events = read(
        tmp_path,
        content,
        maps=["user_id=account", "user_id=user_id", "value=cost"],
        constants=["currency=eur", "event_type=purchase"],
    )
    assert [event["user_id"] for event in events] == ["a1", "u2"]
    assert (events[0]["value"], events[0]["currency"], events[0]["event_type"]) == (3, "EUR", "purchase")
    assert events[0]["properties"] == {"event": "buy", "user_id": "u1", "price": "2"}


def test_times_in_a_zone(tmp_path: Path) -> None:
    content = "event,user,time\nbuy,u1,01/07/2026 12:00\n"
    (event,) = read(tmp_path, content, timestamp_format="%d/%m/%Y %H:%M", timezone="Europe/Berlin")
    assert event["timestamp"] == "2026-07-01T10:00:00Z"


def test_json_text_in_a_cell_becomes_properties(tmp_path: Path) -> None:
    content = 'event,user,time,properties,city\nbuy,u1,2026-01-01,"{""a"": [1]}",Bonn\nbuy,u1,2026-01-01,{,\n'
    first, second = read(tmp_path, content)
    assert first["properties"] == {"a": [1], "city": "Bonn"}
    assert second["problem"] == "column properties: text of 1 characters is no JSON object; correct it"


def test_lists_of_pairs_in_a_cell_become_properties(tmp_path: Path) -> None:
    pairs = [{"key": "currency", "value": {"string_value": "EUR"}}, {"key": "n", "value": {"int_value": "7"}}]
    cell = json.dumps(pairs).replace('"', '""')
    content = f'event_name,event_timestamp,user_pseudo_id,event_params\nbuy,1795341600000000,1.2,"{cell}"\n'
    (event,) = read(tmp_path, content)
    assert (event["properties"], event["currency"]) == ({"currency": "EUR", "n": 7}, "EUR")


def test_columns_that_were_flattened_are_joined_again(tmp_path: Path) -> None:
    content = "event,distinct_id,timestamp,uuid,properties.$current_url,properties.revenue\n"
    (event,) = read(tmp_path, content + "buy,u1,2026-01-01,e1,/a,5\n")
    assert (event["value"], event["properties"]) == (5, {"$current_url": "/a"})


def test_native_lines_go_as_they_are(tmp_path: Path) -> None:
    row = {
        "event_id": "e1",
        "event_type": "buy",
        "user_id": "u1",
        "timestamp": "2026-01-01T00:00:00+02:00",
        "value": 2.50,
        "properties": {"nothing": None},
        "anything": {"else": [1]},
        "flag_key": None,
    }
    assert read(tmp_path, [row]) == [row]


def test_of_native_lines_the_service_is_the_judge(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"event_type": "buy", "user_id": "u1", "timestamp": "2026-01-01T00:00:00Z"},
        {"event_type": "buy", "user_id": ["u1"], "timestamp": "soon", "value": "many"},
        {"event_type": "buy"},
    ]
    assert [{**event, "event_id": ""} for event in read(tmp_path, rows)] == [
        {"event_id": "", **row} for row in rows
    ]


def test_native_lines_with_numbers_for_texts_are_read(tmp_path: Path) -> None:
    (event,) = read(
        tmp_path, [{"event_type": "buy", "user_id": 7, "timestamp": 1795341600123, "value": "2.5"}]
    )
    assert (event["user_id"], event["timestamp"], event["value"]) == ("7", "2026-11-22T10:00:00.123000Z", 2.5)


def test_sent_at_corrects_only_with_the_time_of_receipt(tmp_path: Path) -> None:
    row = {
        "event_type": "buy",
        "user_id": "u1",
        "timestamp": "2026-11-22T10:20:00Z",
        "sent_at": "2026-11-22T10:20:02Z",
    }
    marked = row | {"realtime": {"received_at": 1795341602.5, "backfill": True}}
    first, second = read(tmp_path, [row, marked])
    assert (first.get("sent_at"), first["original_sent_at"]) == (None, row["sent_at"])
    assert (second["sent_at"], second["realtime"]) == (row["sent_at"], {"received_at": 1795341602.5})
    (third,) = read(tmp_path, [row | {"arrived": "2026-11-22T10:00:02.5Z"}], maps=["received_at=arrived"])
    assert third["realtime"] == {"received_at": 1795341602.5}


@pytest.mark.parametrize(
    ("content", "options", "hint"),
    [
        (
            "a,b\n1,2\n",
            {},
            "no column is known as event_type and user_id and timestamp; say --map",
        ),
        ("a,b\n1,2\n", {}, "The columns are: a, b. Without a header: --columns A,B,C"),
        ("event,visitor_id,time\nx,u,1\n", {"maps": ["user_id=visitorid"]}, "did you mean visitor_id?"),
        (
            "event,user,time\nx,u,01/02/2026\n",
            {},
            "the form of its times is not certain; say --time",
        ),
        ("event,user,time\nx,u,soon\n", {}, "column time: the form of its times"),
        (
            "event,user,time\nx,u,2026-01-01\n",
            {"constants": ["value=1_000"]},
            "--const, column value: text with",
        ),
        (
            "event,user,time\nx,u,2026-01-01\n",
            {"maps": ["user=user"]},
            "'user' is not a field of an event; did",
        ),
        ("event,user,time\nx,u,2026-01-01\n", {"maps": ["user"]}, "--map user: write --map FIELD=COLUMN"),
        (
            "event,user,time\nx,u,2026-01-01\n",
            {"shape": "segmen"},
            "--shape segmen: unknown; did you mean",
        ),
        ("event,user,time\nx,u,2026-01-01\n", {"timezone": "Berlin"}, "--timezone Berlin: unknown"),
        ("event,user,time\nx,u,2026-01-01\n", {"decimal": ";"}, "--decimal ;: must be , or ."),
        ("event,user,time\nx,u,2026-01-01\n", {"delimiter": "::"}, "--delimiter ::: must be one character"),
        ("event,user,time\nx,u,2026-01-01\n", {"encoding": "utf-99"}, "--encoding utf-99: unknown"),
        ("event,user,time\nx,u,2026-01-01\n", {"timestamp_format": "epoch"}, "must be iso, epoch_s"),
    ],
)
def test_a_mistake_is_said_with_the_remedy(
    tmp_path: Path, content: str, options: dict[str, Any], hint: str
) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        read(tmp_path, content, **options)
    assert hint in str(refusal.value)


def test_a_row_of_a_known_system_without_a_user_is_named(tmp_path: Path) -> None:
    row = {"event": "buy", "properties": {"time": 1795341600, "distinct_id": "u1"}}
    other = {"event": "buy", "properties": {"time": 1795341600, "distinct_id": None}}
    _, problem = read(tmp_path, [row, other])
    assert problem["problem"].startswith("column properties.distinct_id or properties.$user_id or")


def test_a_shape_can_be_named(tmp_path: Path) -> None:
    row = {"name": "buy", "userId": "u1", "timestamp": "2026-11-22T10:00:00Z", "event": "Bought"}
    (event,) = read(tmp_path, [row], shape="segment")
    assert (event["event_type"], event["metadata"]) == ("Bought", {"name": "buy"})


def test_each_shape_is_one_of_its_own() -> None:
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
    for shape in SHAPES:
        assert {"event_type", "user_id", "timestamp"} <= {*shape.fields, *shape.constants}
        assert shape.signature


def test_a_place_of_the_archive_is_told_apart_over_files_and_runs_of_one_file() -> None:
    unique = UniqueRows()
    for _ in range(2):
        assert unique.is_first("hour=10", "a row 1", "place 1")
        assert not unique.is_first("hour=10", "b row 1", "place 1")
        assert unique.is_first("hour=11", "c row 1", "place 2")
        assert not unique.is_first("hour=11", "c row 2", "place 1")
    assert unique.is_first("hour=12", "d row 1", "place 1")  # only two folders are kept


def test_options_are_compared_by_value() -> None:
    assert parse_options(maps=[], constants=[], null_texts=[]) == ReadOptions()


def test_an_unreadable_mapping_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"^e\.csv: no column"):
        read(tmp_path, "a\n1\n")
