"""Evaluations are counted by flag and variant, which is how anybody knows what is still in use."""

from typing import Any

import orjson
import pytest

from chalicelib.domain.stream.attribution import Attribution, attribute_evaluation
from chalicelib.domain.stream.event import Event, Limits, parse_event
from tests.support.flags import flag
from tests.support.plane import EventPlane
from tests.support.streams import kinesis

NOW = 1_800_000_000.0
EVENT = {"event_type": "evaluation", "user_id": "u1", "timestamp": "2027-01-15T08:00:00Z"}
FLAGS = {"f": flag("f")}


def event(**fields: Any) -> Event:
    parsed = parse_event(orjson.dumps(EVENT | fields), NOW, Limits())
    assert isinstance(parsed, Event)
    return parsed


def test_an_evaluation_counts_for_its_flag_and_variant() -> None:
    attributions = attribute_evaluation(event(flag_key="f", properties={"variant": "on"}), FLAGS)
    assert attributions == (Attribution("flag/f", 1, "on"),)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"flag_key": "f"},
        {"flag_key": "gone", "properties": {"variant": "on"}},
        {"flag_key": "f", "properties": {"variant": "made-up"}},
        {"flag_key": "f", "properties": {"variant": ["on"]}},
        {"flag_key": "f", "properties": None},
    ],
)
def test_one_of_no_known_flag_or_variant_counts_for_nothing(fields: dict[str, Any]) -> None:
    assert attribute_evaluation(event(**fields), FLAGS) == ()


def test_it_is_counted_once_however_often_it_is_delivered_and_archived_as_no_experiments() -> None:
    plane = EventPlane()
    evaluation = EVENT | {
        "timestamp": "2026-11-22T10:00:00Z",
        "flag_key": "f",
        "properties": {"variant": "on"},
    }
    batch = kinesis([orjson.dumps(evaluation)])
    plane.deliver(batch)
    plane.deliver(batch)
    ((key, sums),) = plane.counted("flag/f").items()
    assert (key[:2], sums[0]) == (("on", "evaluation"), 1)
    assert plane.counted() == {}
