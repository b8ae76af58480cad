"""Events that only the service itself may write."""

import ast
import importlib
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from chalicelib.domain.event_types import EXPOSURE, OWN
from chalicelib.domain.identity import IDENTIFY
from chalicelib.domain.stream.event import Event, Limits, parse_event
from chalicelib.services.events.ingest import Ingest
from realtime.testing.event_stores import MemoryEventStream
from tests.support.paths import ROOT
from tests.support.streams import ARRIVED, purchase


def send(*events: dict[str, Any], **options: bool) -> dict[str, Any]:
    ingest = Ingest(MemoryEventStream(), Limits(), lambda: "new", lambda _: None)
    return ingest.ingest({"events": [*events]}, ARRIVED, **options)


def find_written() -> Iterator[str]:
    """The type of each event that is built anywhere in what ships; a local name is a caller's type."""
    for path in (ROOT / "chalicelib").rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
            for key, value in pairs:
                if (
                    isinstance(key, ast.Constant)
                    and key.value == "event_type"
                    and isinstance(value, ast.Name)
                ):
                    constant = getattr(importlib.import_module(module), value.id, None)
                    if constant is not None:
                        yield constant


def test_every_type_that_the_service_writes_is_refused_but_those_that_clients_send_too() -> None:
    assert {*find_written()} == OWN | {EXPOSURE, IDENTIFY}


@pytest.mark.parametrize("event_type", sorted(OWN))
@pytest.mark.parametrize("options", [{}, {"backfill": True}])
def test_each_gets_its_own_verdict_and_the_others_are_taken(
    event_type: str, options: dict[str, bool]
) -> None:
    answer = send(purchase(), purchase(event_type=event_type, event_id="e1"), purchase(), **options)
    (refused,) = answer["rejected"]
    assert answer["accepted"] == 2
    assert (refused["index"], refused["event_id"], refused["code"]) == (1, "e1", "reserved_event_type")
    assert refused["message"].startswith(f"event_type {event_type} is written by the service itself: ")
    assert refused["field"] == "event_type"


@pytest.mark.parametrize("event_type", [EXPOSURE, IDENTIFY, "Evaluation", "evaluations", "my assignment"])
def test_others_are_taken(event_type: str) -> None:
    assert send(purchase(event_type=event_type))["accepted"] == 1


@pytest.mark.parametrize("event_type", sorted(OWN))
def test_an_operator_may_replay_them(event_type: str) -> None:
    assert send(purchase(event_type=event_type), trusted=True)["rejected"] == []


@pytest.mark.parametrize("event_type", sorted(OWN))
def test_the_processor_takes_them_from_whoever_writes_to_the_stream(event_type: str) -> None:
    text = orjson.dumps(purchase(event_type=event_type))
    assert isinstance(parse_event(text, ARRIVED, Limits()), Event)


@pytest.mark.parametrize("event_type", [None, 1, ["evaluation"], {"evaluation": 1}])
def test_what_is_no_type_is_refused_as_before(event_type: Any) -> None:
    (refused,) = send(purchase(event_type=event_type))["rejected"]
    assert refused["code"] in ("missing_field", "invalid_field")
