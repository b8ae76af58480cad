"""Objects of the archive: their lines, keys and limits."""

import gzip
from typing import Any

import orjson
import pytest

from chalicelib.domain.stream import archive
from chalicelib.domain.stream.archive import ArchiveLine, ArchiveObject, group_lines
from chalicelib.domain.stream.counters import parse_day
from tests.support.plane import EventPlane, purchase_experiment
from tests.support.streams import kinesis, purchase

SHARD = "events/shardId-000000000007"
HOUR = parse_day("2026-11-22") * 24 + 10


def at(number: int, hour: int = HOUR, size: int = 100) -> ArchiveLine:
    return ArchiveLine(number, 0, str(1000 + number), hour, size, {"n": number})


@pytest.mark.parametrize(
    "lines", [[{}], [{"a": 1}, {"b": [",\n,"]}], [{"text": "a\nb,\r\n"}, {"é": "ü"}, {"n": 1.5}] * 3]
)
def test_an_object_is_gzipped_json_lines(lines: list[dict[str, Any]]) -> None:
    text = gzip.decompress(ArchiveObject("key", 0, lines).compress())
    assert text.endswith(b"}\n")
    assert [orjson.loads(line) for line in text.splitlines()] == lines


def test_the_same_lines_give_the_same_bytes() -> None:
    assert ArchiveObject("k", 0, [{"a": 1}]).compress() == ArchiveObject("k", 0, [{"a": 1}]).compress()


def test_events_lie_by_the_hour_of_their_own_time() -> None:
    groups = group_lines([at(1), at(2, HOUR + 14), at(3)], SHARD)
    assert [(group.key, group.record_index, group.lines) for group in groups] == [
        (
            "raw/events/year=2026/month=11/day=22/hour=10/events-shardId-000000000007-1001.0-1003.0.jsonl.gz",
            1,
            [{"n": 1}, {"n": 3}],
        ),
        (
            "raw/events/year=2026/month=11/day=23/hour=00/events-shardId-000000000007-1002.0-1002.0.jsonl.gz",
            2,
            [{"n": 2}],
        ),
    ]


def test_an_object_has_at_most_a_thousand_lines() -> None:
    groups = group_lines([at(number) for number in range(2001)], SHARD)
    assert [(group.record_index, len(group.lines)) for group in groups] == [
        (0, 1000),
        (1000, 1000),
        (2000, 1),
    ]
    assert len({group.key for group in groups}) == 3


def test_an_object_has_at_most_five_megabytes() -> None:
    groups = group_lines([at(number, size=archive.MAX_BYTES // 3) for number in range(7)], SHARD)
    assert [len(group.lines) for group in groups] == [3, 3, 1]


def test_the_experiments_of_an_event_count_for_its_size() -> None:
    plane = EventPlane(*[purchase_experiment(f"experiment-{number}-{'x' * 110}") for number in range(20)])
    for key in plane.experiments.by_key:
        plane.assign("u1", "treatment", key=key)
    plane.deliver(kinesis([purchase("u1", properties={"text": "y" * 4000}) for _ in range(1000)]))
    sizes = [len(gzip.decompress(body)) for body in plane.archive.objects.values()]
    assert len(sizes) > 1
    assert max(sizes) <= archive.MAX_BYTES


def test_a_line_larger_than_the_limit_is_alone() -> None:
    groups = group_lines([at(1), at(2, size=archive.MAX_BYTES * 2), at(3)], SHARD)
    assert [len(group.lines) for group in groups] == [1, 1, 1]
