from typing import Any

import pytest

from chalicelib.domain.stream.quarantine import QuarantinedRecord
from realtime.quarantine.selection import Selection, count_records, parse_moment

NOW = 1_795_341_600.0  # 2026-11-22T10:00:00Z


def waiting(number: int, message: int = 0, **fields: Any) -> QuarantinedRecord:
    description = {
        "kind": "event",
        "shard": "events/shardId-000000000000",
        "sequence_number": str(number),
        "part": 0,
        "code": "invalid_json",
        "arrived_at": "2026-11-22T10:00:00.000Z",
    }
    return QuarantinedRecord(f"{number}-{message}", f"{number}-{message}", NOW, description | fields, b"")


RECORDS = [
    waiting(1),
    waiting(1, message=1),
    waiting(2, code="too_old", arrived_at="2026-11-22T08:59:59.999Z"),
    waiting(3, shard="events/shardId-000000000001"),
    waiting(4, kind="assignment_row", code="postgres_22001", shard="assignments/shardId-9"),
]


@pytest.mark.parametrize(
    ("selection", "numbers"),
    [
        (Selection(), [2, 4, 1, 3]),
        (Selection(codes=("too_old", "postgres_22001")), [2, 4]),
        (Selection(shards=("shardId-000000000000",)), [2, 1]),
        (Selection(shards=("events/shardId-000000000001",)), [3]),
        (Selection(places=(RECORDS[0].id, RECORDS[3].place)), [1, 3]),
        (Selection(kinds=("assignment_row",)), [4]),
        (Selection(since=NOW - 3600), [4, 1, 3]),
        (Selection(until=NOW), [2]),
        (Selection(codes=("invalid_json",), until=NOW), []),
    ],
)
def test_a_selection_names_what_it_selects(selection: Selection, numbers: list[int]) -> None:
    selected = selection.select(RECORDS)
    assert [int(copies[0].description["sequence_number"]) for copies in selected] == numbers
    assert selection.is_everything is (numbers == [2, 4, 1, 3])


def test_messages_of_one_record_stay_together() -> None:
    [copies] = Selection(places=(RECORDS[0].place,)).select(RECORDS)
    assert len(copies) == 2


def test_a_place_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="the place or id 0000"):
        Selection(places=(RECORDS[0].id, "0000")).select(RECORDS)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("90m", NOW - 5_400),
        ("2h", NOW - 7_200),
        ("3d", NOW - 259_200),
        ("2026-11-22T11:00:00+01:00", NOW),
        ("2026-11-22", NOW - 36_000),
    ],
)
def test_a_moment_is_a_time_or_an_age(text: str, moment: float | None) -> None:
    assert parse_moment("--since", text, NOW) == moment


@pytest.mark.parametrize("text", ["2", "h", "-2h", "yesterday", "2 h"])
def test_another_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="--since: "):
        parse_moment("--since", text, NOW)


def test_records_are_counted_by_code_shard_hour_and_kind() -> None:
    assert count_records(Selection().select(RECORDS)) == {
        "records": 4,
        "by_code": {"invalid_json": 2, "postgres_22001": 1, "too_old": 1},
        "by_shard": {
            "assignments/shardId-9": 1,
            "events/shardId-000000000000": 2,
            "events/shardId-000000000001": 1,
        },
        "by_kind": {"assignment_row": 1, "event": 3},
        "by_hour": {"2026-11-22T08:00Z": 1, "2026-11-22T10:00Z": 3},
    }
