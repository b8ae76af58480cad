"""Lines of CSV and JSON files as events."""

from pathlib import Path

from realtime.event_files import read_events


def test_cdnow_lines_become_purchases(purchases: Path) -> None:
    event = next(read_events(purchases, "d"))
    assert event == {
        "event_id": "d-1",
        "event_type": "purchase",
        "user_id": "00001",
        "timestamp": "1997-01-02T00:00:00Z",
        "value": 1.25,
        "properties": {"cds": 1},
    }


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "e.jsonl"
    file.write_text('{"user_id": "a"}\n\n{"user_id": "b"}\n\n')
    assert [event["event_id"] for event in read_events(file, "d")] == ["d-1", "d-3"]


def test_other_columns_become_properties(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text("event_type,user_id,timestamp,value,color\nclick,u1,2026-01-01T00:00:00Z,2.5,red\n")
    (event,) = read_events(file, "d")
    assert (event["value"], event["properties"]) == (2.5, {"color": "red"})
