"""POST /events through the local server and the authorizer, over stores in memory."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from chalicelib.settings import Settings
from realtime.local.front import LOAD_BALANCER_BYTES
from tests.support.api_keys import make_key, store_key
from tests.support.service import KEY, Service, serve_service

PUBLIC = make_key("events:client")
NOW = datetime.now(UTC).isoformat()
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture(scope="module", params=["rest", "http", "alb"])
def served(request: pytest.FixtureRequest) -> Iterator[tuple[httpx.Client, Service]]:
    # An hour, since the local stack itself takes events of any age.
    settings = Settings.from_env({"REALTIME_EVENT_MAX_AGE": "3600"})
    with serve_service(settings, request.param) as (url, service), httpx.Client(base_url=url) as client:
        for scopes in ("events", "events:client", "flags", "flags:client", "admin", "events:client,flags"):
            service.keys.put(store_key(*scopes.split(",")))
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
    return {"Authorization": f"Bearer {make_key(scope)}"}


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


BEACON = {"Content-Type": "text/plain;charset=UTF-8"}


def post(api: httpx.Client, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
    return api.post(path, content=json.dumps(body), headers=headers)


@pytest.mark.parametrize("headers", [BEACON, {"Content-Type": "Text/Plain"}, {}])
@pytest.mark.parametrize(("path", "beside"), [(f"/events?key={PUBLIC}", {}), ("/events", {"key": PUBLIC})])
def test_a_beacon_sends_its_key_in_the_query_or_the_body(
    api: httpx.Client, service: Service, path: str, beside: dict[str, Any], headers: dict[str, str]
) -> None:
    for body in ({"events": [event(event_id="1"), event(event_id="2")]}, event(event_id="3")):
        answer = post(api, path, {**body, **beside}, headers)
        assert (answer.status_code, answer.json()["rejected"]) == (202, [])
    records = read_records(service)
    assert [record["event_id"] for record in records] == ["1", "2", "3"]
    assert "rt_" not in json.dumps(records)  # a key is no part of an event


def test_a_public_key_may_also_stand_in_the_header(api: httpx.Client, service: Service) -> None:
    sent = event(key="K-1")
    assert post(api, "/events", sent, bearer("events:client") | BEACON).status_code == 202
    [record] = read_records(service)
    assert record["key"] == "K-1"  # here it is a field like any other


@pytest.mark.parametrize("key", [make_key("events"), make_key("admin"), KEY, make_key("events:client,flags")])
def test_a_key_that_can_do_more_is_refused_in_a_url_or_a_body(
    api: httpx.Client, service: Service, key: str
) -> None:
    body = {"events": [event()]}
    for place, answer in (
        ("query", post(api, f"/events?key={key}", body, BEACON)),
        ("body", post(api, "/events", {**body, "key": key}, BEACON)),
    ):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (403, "key_not_public")
        assert error["message"].startswith(f"A key in the {place} must be a public one, of the scope events")
        assert key not in answer.text
    assert read_records(service) == []


@pytest.mark.parametrize("scope", ["wrong", "flags", "flags:client"])
def test_a_key_without_the_scope_is_refused_wherever_it_stands(api: httpx.Client, scope: str) -> None:
    body = {"events": [event()]}
    for answer in (
        post(api, "/events", body, bearer(scope)),
        post(api, f"/events?key={make_key(scope)}", body, BEACON),
        post(api, "/events", {**body, "key": make_key(scope)}, BEACON),
        post(api, f"/events?key={PUBLIC}", body, bearer(scope)),  # the header decides
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    "body", ["{}", "[]", "", '{"key": 5}', '{"key": ""}', '{"key": null}', "x" * 5_000_000]
)
def test_without_a_key_the_answer_is_that_of_the_gateway(
    api: httpx.Client, body: str, request: pytest.FixtureRequest
) -> None:
    if len(body) > LOAD_BALANCER_BYTES and request.node.callspec.params["served"] == "alb":
        pytest.skip("a load balancer answers a page of its own, test_front.py")
    answer = api.post("/events", content=body, headers=BEACON)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == api.post("/assign", json={}).json()


@pytest.mark.parametrize("path", ["/assign", "/flags/evaluate", "/flags/evaluate/batch"])
def test_a_public_key_for_events_opens_nothing_else(api: httpx.Client, path: str) -> None:
    assert api.post(path, json={}, headers=bearer("events:client")).status_code == 403
    assert api.post(f"{path}?key={PUBLIC}", json={}).status_code == 401
    assert api.post(path, content="{}", headers=bearer("flags:client") | BEACON).status_code in (403, 415)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/html", "text/plainer"])
def test_another_type_is_refused_with_those_that_are_accepted(api: httpx.Client, content_type: str) -> None:
    answer = post(api, "/events", event(), bearer("events") | {"Content-Type": content_type})
    assert answer.status_code == 415
    assert "must be application/json or text/plain, not " in answer.json()["error"]["message"]


def test_a_preflight_lets_tracing_headers_through(api: httpx.Client) -> None:
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    allowed = api.options("/events", headers=asked).headers["Access-Control-Allow-Headers"].lower()
    assert {"traceparent", "content-encoding", "content-type"} <= {*allowed.split(",")}


def test_no_key_reaches_a_log(
    api: httpx.Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(0):
        post(api, f"/events?key={PUBLIC}", {"events": [event()]}, BEACON)
        post(api, f"/events?key={make_key('wrong')}", {"events": [event()]}, BEACON)
    written = capfd.readouterr()
    assert "rt_" not in written.out + written.err
    assert not [record for record in caplog.records if "rt_" in record.getMessage()
                and not record.name.startswith("http")]  # fmt: skip


@pytest.mark.parametrize("scope", ["events", "events:client", "admin"])
def test_nobody_sends_what_the_service_itself_writes(api: httpx.Client, service: Service, scope: str) -> None:
    answer = post(api, "/events", {"events": [event(event_type="evaluation"), event()]}, bearer(scope))
    assert answer.status_code == 202
    assert [rejection["code"] for rejection in answer.json()["rejected"]] == ["reserved_event_type"]
    assert [record["event_type"] for record in read_records(service)] == ["purchase"]
    alone = post(api, "/events", event(event_type="assignment"), bearer(scope))
    assert (alone.status_code, alone.json()["error"]["code"]) == (400, "reserved_event_type")
    assert alone.json()["error"]["details"][0]["field"] == "event_type"
