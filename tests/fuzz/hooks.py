"""What schemathesis cannot know of an OpenAPI description: times near now, and rules between fields."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

import schemathesis
from hypothesis import strategies as st
from schemathesis.core import NotSet

from chalicelib.domain.stream.amounts import MAX_DECIMALS

NOW = datetime.now(UTC)
_times = st.integers(-86_400, 300).map(lambda seconds: (NOW + timedelta(seconds=seconds)).isoformat())
schemathesis.openapi.format("date-time", _times)


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """What a schema cannot say.

    No id is linked to itself, and some flags need a targeting key. No event happens after it was sent, its
    value has 18 decimals at most, and integers beyond 64 bits are refused where floats are not.
    """
    path = case.operation.path
    if path == "/events":
        case.body = _write_large_integers_as_floats(case.body)
        _mend_events(case.body)
    elif path == "/ofrep/v1/evaluate/flags/{key}":
        _name_unit(case)
    elif path.startswith("/evidently/"):
        _write_json_texts(case.body)
    elif path == "/identify" and isinstance(case.body, dict):
        user_id = case.body.get("user_id")
        if isinstance(user_id, str) and case.body.get("anonymous_id") == user_id:
            case.body["anonymous_id"] = f"{user_id[:250]}~"


def _write_json_texts(body: Any) -> None:
    """Fields that hold JSON as text. A feature's name is that of a flag of the service, or refused."""
    items = body.get("requests") or body.get("events") or [] if isinstance(body, dict) else []
    for item in [body, *(items if isinstance(items, list) else [])]:
        for name in ("evaluationContext", "data"):
            if isinstance(item, dict) and isinstance(item.get(name), str):
                item[name] = "{}"


def _mend_events(body: Any) -> None:
    if not isinstance(body, dict):
        return
    events = body.get("events")
    inner = [event for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    for event in [body, *inner]:
        if isinstance(event.get("value"), float):
            event["value"] = round(event["value"], MAX_DECIMALS)
        sent_at, timestamp = event.get("sent_at") or body.get("sent_at"), event.get("timestamp")
        if _is_time(sent_at) and _is_time(timestamp):
            event["sent_at"] = max(sent_at, timestamp, key=datetime.fromisoformat)


def _is_time(text: object) -> TypeGuard[str]:
    """One of ``_times``; what is meant to be refused stays as it is."""
    try:
        return isinstance(text, str) and datetime.fromisoformat(text).tzinfo == UTC
    except ValueError:
        return False


def _write_large_integers_as_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _write_large_integers_as_floats(child) for name, child in value.items()}
    if isinstance(value, list):
        return [_write_large_integers_as_floats(child) for child in value]
    return float(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


def _name_unit(case: Any) -> None:
    if isinstance(case.body, NotSet):
        case.body, case.media_type = {}, "application/json"
    context = case.body.setdefault("context", {}) if isinstance(case.body, dict) else None
    if isinstance(context, dict) and context.get("targetingKey") in (None, ""):
        context["targetingKey"] = "ada"


@schemathesis.serializer("text/plain")
def as_text(_context: Any, value: Any) -> Any:
    """A beacon sends JSON as plain text."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()
