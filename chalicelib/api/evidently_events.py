"""PutProjectEvents of CloudWatch Evidently's clients, as events of ours.

A custom event has a user and `details`. Each number in them becomes an event: its name is the event type, as
metrics of Evidently name a number by its path. Retries of one call have one id, so each event counts once.
Each has all details as properties, so their number is limited: 32 KB of numbers would become 48 MB.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from chalice.app import Request

from chalicelib.api.evidently import evidently_view, read_object
from chalicelib.api.evidently_models import EvidentlyEvent, EvidentlyEventsRequest
from chalicelib.api.requests import parse_object, validate_request
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.stream.event import MAX_EVENTS, TOO_DEEP, is_too_deep
from chalicelib.domain.timestamps import EARLIEST, LATEST, format_timestamp

Event = dict[str, Any]
Ingest = Callable[[dict[str, Any]], dict[str, Any]]
MAX_NUMBERS = 20
INVOCATION = "amz-sdk-invocation-id"
"""A header of AWS's SDKs: the same in each attempt of one call."""


@evidently_view
def receive_project_events(request: Request, ingest: Ingest) -> dict[str, Any]:
    """Each event has its own verdict. Raises as `Ingest.ingest` if none of a call was taken."""
    asked = validate_request(EvidentlyEventsRequest, read_object(request)).events
    invocation = request.headers.get(INVOCATION) or str(uuid.uuid4())
    results: list[dict[str, str]] = []
    events: list[Event] = []
    places: list[int] = []
    for index, item in enumerate(asked):
        event_id = _make_id(invocation, str(index))
        try:
            translated = _translate(item)
        except InvalidInput as error:
            results.append({"errorCode": error.code, "errorMessage": error.message})
            continue
        results.append({"eventId": event_id})
        for number, event in enumerate(translated):
            event["event_id"] = event_id if number == 0 else _make_id(invocation, f"{index}/{number}")
            events.append(event)
            places.append(index)
    for start in range(0, len(events), MAX_EVENTS):
        for refusal in ingest({"events": events[start : start + MAX_EVENTS]})["rejected"]:
            place = places[start + refusal["index"]]
            results[place] = {"errorCode": refusal["code"], "errorMessage": refusal["message"]}
    failed = sum("errorCode" in result for result in results)
    return {"failedEventCount": failed, "eventResults": results}


def _translate(item: EvidentlyEvent) -> list[Event]:
    data = parse_object(item.data, "data")
    if is_too_deep(data):  # before the numbers are looked for, level by level
        raise InvalidInput(TOO_DEEP.code, TOO_DEEP.message)
    timestamp = _read_time(item.timestamp)
    if item.type == "aws.evidently.evaluation":
        properties = {name: value for name, value in data.items() if name not in ("entityId", "feature")}
        return [
            {
                "event_type": item.type,
                "user_id": data.get("entityId"),
                "flag_key": data.get("feature"),
                "timestamp": timestamp,
                "properties": properties,
            }
        ]
    details = data.get("details")
    if not isinstance(details, dict):
        raise InvalidInput("missing_field", "data.details must be an object.")
    common = {"user_id": _find_user(data), "timestamp": timestamp, "properties": details}
    named = list(islice(_list_numbers(details), MAX_NUMBERS + 1))
    if len(named) > MAX_NUMBERS:
        message = f"data.details has over {MAX_NUMBERS} numbers, each of which is an event: send fewer."
        raise InvalidInput("too_many_numbers", message)
    numbers = [{"event_type": name, "value": value, **common} for name, value in named]
    return numbers or [{"event_type": item.type, **common}]


def _list_numbers(details: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, int | float]]:
    """By path, such as ``cart.total``."""
    for name, value in details.items():
        if isinstance(value, dict):
            yield from _list_numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", value


def _find_user(data: Mapping[str, Any]) -> Any:
    user_details = data.get("userDetails")
    named = user_details if isinstance(user_details, dict) else {}
    user = named.get("userId") or named.get("sessionId") or data.get("entityId")
    if user is None:
        raise InvalidInput("missing_field", "data.userDetails needs a userId or a sessionId.")
    return user


def _read_time(timestamp: float | str) -> str:
    if isinstance(timestamp, str):
        return timestamp
    if not EARLIEST <= timestamp < LATEST:
        raise InvalidInput("invalid_field", "timestamp must be in epoch seconds, of the years 1 to 9999.")
    return format_timestamp(timestamp)


def _make_id(invocation: str, place: str) -> str:
    name = json.dumps([invocation, place]).encode()
    return str(uuid.UUID(bytes=hashlib.sha256(name).digest()[:16]))
