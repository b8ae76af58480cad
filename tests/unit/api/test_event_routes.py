"""POST /events through the local server and the authorizer, over stores in memory."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from chalicelib.domain.keys import ApiKey, digest
from chalicelib.settings import Settings
from tests.support.service import Service, serve_service

NOW = datetime.now(UTC).isoformat()
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[httpx.Client, Service]]:
    # An hour, since the local stack itself takes events of any age.
    settings = Settings.from_env({"REALTIME_EVENT_MAX_AGE": "3600"})
    with serve_service(settings) as (url, service), httpx.Client(base_url=url) as client:
        for scope in ("events", "events:client", "flags", "admin"):
            service.keys.put(ApiKey(digest(f"rt_{scope}"), scope, (scope,), "2026-01-01T00:00:00Z"))
        yield client, service


@pytest.fixture
def api(served: tuple[httpx.Client, Service]) -> httpx.Client:
    served[1].stream.records.clear()
    return served[0]


@pytest.fixture
def service(served: tuple[httpx.Client, Service]) -> Service:
    return served[1]


def event(**fields: Any) -> dict[str, Any]:
    return {"event_type": "purchase", "user_id": "u1", "timestamp": NOW, **fields}


def bearer(scope: str) -> dict[str, str]:
    return {"Authorization": f"Bearer rt_{scope}"}


def read_records(service: Service) -> list[Any]:
    return [orjson.loads(record.data) for record in service.stream.records]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("", {"events": [event(timestamp=LONG_AGO)], "backfill": True}),
        ("?backfill=true", {"events": [event(timestamp=LONG_AGO)]}),
        ("?backfill=true", event(timestamp=LONG_AGO)),
    ],
)
def test_a_backfill_needs_an_admin(api: httpx.Client, service: Service, query: str, body: Any) -> None:
    refused = api.post(f"/events{query}", json=body, headers=bearer("events"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden_scope")
    assert "needs a key of the scope admin" in refused.json()["error"]["message"]
    assert read_records(service) == []
    assert api.post(f"/events{query}", json=body, headers=bearer("admin")).json()["accepted"] == 1
    [record] = read_records(service)
    assert record["realtime"]["backfill"] is True


@pytest.mark.parametrize(
    ("query", "body"),
    [("", {"events": [event()], "backfill": "yes"}), ("?backfill=yes", {"events": [event()]})],
)
def test_backfill_is_true_or_false(api: httpx.Client, query: str, body: Any) -> None:
    answer = api.post(f"/events{query}", json=body, headers=bearer("admin"))
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == [{"field": "backfill", "message": "must be true or false"}]


def test_a_field_of_an_event_asks_for_no_backfill(api: httpx.Client, service: Service) -> None:
    sent = {**event(backfill=True), "realtime": {"backfill": True}}
    assert api.post("/events", json=sent, headers=bearer("events")).status_code == 202
    [record] = read_records(service)
    assert (record["backfill"], "backfill" in record["realtime"]) == (True, False)


def test_a_compressed_body_is_unpacked(api: httpx.Client, service: Service) -> None:
    packed = gzip.compress(json.dumps({"events": [event(), event()]}).encode())
    headers = bearer("events") | {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert api.post("/events", content=packed, headers=headers).json()["accepted"] == 2
    assert len(read_records(service)) == 2


@pytest.mark.parametrize("path", ["/events", "/assign", "/flags/evaluate", "/flags/evaluate/batch"])
def test_an_encoding_that_is_not_known_is_refused_everywhere(api: httpx.Client, path: str) -> None:
    headers = {"Authorization": "Bearer rt_local_demo", "Content-Type": "application/json"}
    answer = api.post(path, content=b"x", headers=headers | {"Content-Encoding": "br"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_encoding")
    assert answer.headers["Accept-Encoding"] == "gzip, deflate, identity"


def test_openfeature_takes_compressed_bodies_too(api: httpx.Client) -> None:
    headers = {"Authorization": "Bearer rt_local_demo", "Content-Type": "application/json"}
    packed = gzip.compress(b'{"context": {"targetingKey": "u1"}}')
    path = "/ofrep/v1/evaluate/flags"
    assert api.post(path, content=packed, headers=headers | {"Content-Encoding": "gzip"}).status_code == 200
    for body, encoding, status in ((packed, "br", 415), (packed[:-1], "gzip", 400)):
        refused = api.post(path, content=body, headers=headers | {"Content-Encoding": encoding})
        assert (refused.status_code, refused.json()["errorCode"]) == (status, "PARSE_ERROR")


def test_a_single_event_that_is_refused_is_400_with_the_verdict(api: httpx.Client) -> None:
    answer = api.post("/events", json=event(event_id="e1", value="12"), headers=bearer("events"))
    message = "value must be a number from -100000000000 to 100000000000."
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "error": {
                "code": "invalid_field",
                "message": message,
                "details": [{"field": "value", "message": message}],
            },
            "accepted": 0,
            "rejected": [{"index": 0, "event_id": "e1", "code": "invalid_field", "message": message}],
            "event_ids": [None],
        },
    )


@pytest.mark.parametrize(
    ("events", "code", "fields"),
    [
        ([event(value="12")], "invalid_field", ["events[0].value"]),
        ([event(value="12"), event(user_id=5)], "invalid_field", ["events[0].value", "events[1].user_id"]),
        ([5, {}], "invalid_events", ["events[0]", "events[1].event_type"]),
    ],
)
def test_a_list_without_a_valid_event_is_400_too(
    api: httpx.Client, events: list[Any], code: str, fields: list[str]
) -> None:
    answer = api.post("/events", json={"events": events}, headers=bearer("events"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == fields
    assert answer.json()["error"]["message"].startswith(f"No event is valid; the first: {fields[0]}: ")
    assert answer.json()["accepted"] == 0
    assert [rejection["index"] for rejection in answer.json()["rejected"]] == [*range(len(events))]


def test_a_list_of_which_one_was_taken_is_202(api: httpx.Client) -> None:
    answer = api.post("/events", json={"events": [{}, event()]}, headers=bearer("events"))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    [rejected] = answer.json()["rejected"]
    assert rejected.keys() == {"index", "event_id", "code", "message"}
