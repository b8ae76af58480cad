"""GET /definitions and POST /evaluations, through the local server and the authorizer."""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.settings import Settings
from realtime.local.front import Front
from tests.support.api_keys import make_key, store_key
from tests.support.service import KEY, Service, serve_service

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}
NOW = datetime.now(UTC).isoformat()
FRESH = Settings.from_env({"REALTIME_DEFINITIONS_CHECK": "0"})


@pytest.fixture(params=["rest", "http", "alb"])
def front(request: pytest.FixtureRequest) -> Front:
    front: Front = request.param
    return front


@pytest.fixture
def served(front: Front) -> Iterator[tuple[httpx.Client, Service]]:
    with (
        serve_service(FRESH, front) as (url, service),
        httpx.Client(base_url=url, headers=AUTHORIZED) as client,
    ):
        service.publish_flag("shop", type="boolean", alias="the shop", client_visible=False)
        service.publish_flag("hidden", type="boolean", listed=False)
        yield client, service


def publish(service: Service, kind: Any, key: str, **fields: Any) -> None:
    row = DefinitionRow(kind, key, json.dumps({"key": key, **fields}), "active")
    service.definitions.publish([row], service.definitions.get_changes(None).version, 0.0)


def test_it_has_every_flag_and_segment_and_no_experiment(served: tuple[httpx.Client, Service]) -> None:
    client, service = served
    publish(service, "segment", "testers", include=["ada"])
    halves = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
    publish(service, "experiment", "secret", status="active", variants=halves)
    document = client.get("/definitions").json()
    assert (document["format"], document["version"], document["tracking_window"]) == (
        "realtime-definitions-1",
        4,
        600.0,
    )
    assert [(each["kind"], each["key"], each["version"]) for each in document["definitions"]] == [
        ("flag", "hidden", 2),
        ("flag", "shop", 1),
        ("segment", "testers", 3),
    ]
    shop = document["definitions"][1]
    assert (shop["alias"], shop["definition"]["type"]) == ("the shop", "boolean")


def test_the_etag_changes_with_flags_and_segments_only(served: tuple[httpx.Client, Service]) -> None:
    client, service = served

    def ask(etag: str) -> httpx.Response:
        return client.get("/definitions", headers={"If-None-Match": etag})

    etag = client.get("/definitions").headers["etag"]
    same = ask(etag)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    halves = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
    publish(service, "experiment", "unrelated", status="active", variants=halves)
    assert ask(etag).status_code == 304
    service.publish_flag("shop", type="boolean", enabled=False)
    changed = ask(etag)
    assert (changed.status_code, changed.headers["etag"] == etag) == (200, False)
    publish(service, "segment", "testers", include=["ada"])
    assert ask(changed.headers["etag"]).status_code == 200


@pytest.mark.parametrize(
    "text", ["not JSON", "[]", '{"key": "shop"', '{"key": "shop", "type": "none"}', "\n"]
)
def test_a_row_that_was_edited_by_hand_spoils_no_other(
    served: tuple[httpx.Client, Service], text: str
) -> None:
    """As in the service, its last good version serves on; without one there is none."""
    client, service = served
    before = client.get("/definitions").json()["definitions"]
    rows = [DefinitionRow("flag", key, text, "active") for key in ("shop", "never-good")]
    service.definitions.publish(rows, service.definitions.get_changes(None).version, 0.0)
    service.publish_flag("other", type="boolean")
    after = {each["key"]: each for each in client.get("/definitions").json()["definitions"]}
    assert sorted(after) == ["hidden", "other", "shop"]
    assert [after["hidden"], after["shop"]] == before


@pytest.mark.parametrize("scope", ["flags:client", "events", "view"])
def test_other_keys_do_not_read_rules(served: tuple[httpx.Client, Service], scope: str) -> None:
    client, service = served
    service.keys.put(store_key(scope))
    headers = {"Authorization": f"Bearer {make_key(scope)}"}
    assert client.get("/definitions", headers=headers).status_code == 403
    assert client.post("/evaluations", json={}, headers=headers).status_code == 403


def test_nothing_is_recorded_where_tracking_is_off() -> None:
    settings = Settings.from_env({"REALTIME_TRACKING": "false"})
    with serve_service(settings) as (url, _):
        assert httpx.get(f"{url}/definitions", headers=AUTHORIZED).json()["tracking_window"] is None


def test_definitions_beyond_the_answer_of_a_function_are_an_error_that_says_so(
    served: tuple[httpx.Client, Service],
) -> None:
    client, service = served
    for number in range(7):
        service.publish_flag(f"large-{number}", type="boolean", description="“" * 300_000)
    refused = client.get("/definitions")
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "definitions_too_large")


def test_large_answers_pass_a_load_balancer_compressed(served: tuple[httpx.Client, Service]) -> None:
    client, service = served
    for number in range(2_000):
        publish(service, "segment", f"s-{number:04}", include=[f"user-{each}" for each in range(50)])
    answer = client.get("/definitions")
    assert answer.status_code == 200
    assert len(answer.json()["definitions"]) == 2_002
    is_packed = answer.headers.get("content-encoding") == "gzip"
    assert is_packed == ("vary" in answer.headers)
    small = client.get("/health")
    assert "content-encoding" not in small.headers


def test_a_load_balancer_needs_a_client_that_takes_gzip() -> None:
    with serve_service(FRESH, "alb") as (url, service):
        for number in range(2_000):
            publish(service, "segment", f"s-{number:04}", include=[f"user-{each}" for each in range(50)])
        headers = AUTHORIZED | {"Accept-Encoding": "identity"}
        refused = httpx.get(f"{url}/definitions", headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "answer_too_large")
        with httpx.stream("GET", f"{url}/definitions", headers=AUTHORIZED) as packed:
            raw = b"".join(packed.iter_raw())
        assert json.loads(gzip.decompress(raw))["version"] == 2_000


def evaluation(**fields: Any) -> dict[str, Any]:
    return {
        "flag_key": "shop",
        "user_id": "u1",
        "variant": "on",
        "reason": "SPLIT",
        "version": 1,
        "timestamp": NOW,
        **fields,
    }


def send(client: httpx.Client, *evaluations: Any, **fields: Any) -> httpx.Response:
    return client.post("/evaluations", json={"evaluations": [*evaluations], **fields})


def read_events(service: Service) -> list[Any]:
    return [orjson.loads(record.data) for record in service.stream.records]


def test_evaluations_become_events_of_a_type_of_their_own(served: tuple[httpx.Client, Service]) -> None:
    client, service = served
    answer = send(client, evaluation(), evaluation(user_id="ü", variant=None))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 2, "rejected": []})
    first, second = read_events(service)
    assert (first["event_type"], first["user_id"], first["flag_key"]) == ("client_evaluation", "u1", "shop")
    assert first["properties"] == {"variant": "on", "reason": "SPLIT", "version": 1}
    assert (second["user_id"], second["properties"]["variant"]) == ("ü", None)


def test_a_batch_that_is_sent_again_counts_once_and_apart_from_the_services_own(
    served: tuple[httpx.Client, Service],
) -> None:
    client, service = served
    send(client, evaluation())
    send(client, evaluation())
    client.get("/flags/evaluate?user_id=u1&flag_key=shop")
    service.plane.tracker.flush()
    sent, again, own = read_events(service)
    assert sent["event_id"] == again["event_id"] != own["event_id"]
    assert own["event_type"] == "evaluation"


def test_each_evaluation_gets_its_verdict(served: tuple[httpx.Client, Service]) -> None:
    client, _ = served
    answer = send(client, evaluation(timestamp="2100-01-01T00:00:00Z"), evaluation())
    assert answer.status_code == 202
    (rejected,) = answer.json()["rejected"]
    assert (answer.json()["accepted"], rejected["index"], rejected["code"]) == (1, 0, "in_the_future")
    alone = send(client, evaluation(user_id=""))
    assert alone.status_code == 400
    assert alone.json()["error"]["details"][0]["field"] == "evaluations[0].user_id"


def test_times_follow_the_clock_of_the_service(served: tuple[httpx.Client, Service]) -> None:
    client, service = served
    old = {"timestamp": "2001-01-01T00:00:00Z"}
    assert send(client, evaluation(**old), sent_at="2001-01-01T00:00:05Z").status_code == 202
    assert read_events(service)[0]["sent_at"] == "2001-01-01T00:00:05Z"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "evaluations"),
        ({"evaluations": []}, "evaluations"),
        ({"evaluations": [evaluation()] * 501}, "evaluations"),
        ({"evaluations": [evaluation(flag_key="a b")]}, "evaluations[0].flag_key"),
        ({"evaluations": [evaluation(variant=1)]}, "evaluations[0].variant"),
        ({"evaluations": [evaluation(reason=None)]}, "evaluations[0].reason"),
        ({"evaluations": [evaluation(), evaluation(version="1")]}, "evaluations[1].version"),
        ({"evaluations": [evaluation(timestamp="yesterday")]}, "evaluations[0].timestamp"),
        (
            {"evaluations": [evaluation(timestamp="9999-12-31T23:59:59.999999Z")]},
            "evaluations[0].timestamp",
        ),
        ({"evaluations": [evaluation(timestamp="0001-01-01T00:00:00+14:00")]}, "evaluations[0].timestamp"),
        ({"evaluations": [evaluation()], "sent_at": "now"}, "sent_at"),
        ({"evaluations": ["x"]}, "evaluations[0]"),
    ],
)
def test_what_is_wrong_is_named(body: Any, field: str) -> None:
    with serve_service() as (url, service):
        refused = httpx.post(f"{url}/evaluations", json=body, headers=AUTHORIZED)
        assert refused.status_code == 400
        assert refused.json()["error"]["details"][0]["field"] == field
        assert not service.stream.records
