"""The assignment routes and direct functions through the whole Chalice handler, over stores in memory."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.app import Chalice
from chalice.test import Client

import app as application
from chalicelib.domain.definitions.model import DefinitionRow
from realtime.local.gateway import Gateway
from tests.support.service import KEY, Service, run_service

HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
EXPERIMENT = {
    "key": "checkout",
    "status": "active",
    "variants": [
        {"key": "control", "allocation": 0.5},
        {"key": "new", "allocation": 0.5, "payload": {"n": 1.0}},
    ],
    "targeting_rules": {
        "version": "2.0",
        "rules": [
            {"id": "de", "rule": {"conditions": [{"attribute": "c", "operator": "eq", "value": "DE"}]}}
        ],
    },
}


@pytest.fixture
def app() -> Chalice:
    """What pytest-chalice's ``client`` calls."""
    return application.app


@pytest.fixture
def running() -> Iterator[Service]:
    with run_service() as service:
        definition = DefinitionRow("experiment", "checkout", json.dumps(EXPERIMENT), "active")
        service.definitions.publish([definition], 0, 0.0)
        yield service


def post(client: Any, path: str, body: object) -> Any:
    return client.post(path, headers=HEADERS, body=json.dumps(body).encode())


def test_post_and_get_give_the_same_assignment(running: Service, client: Any) -> None:
    body = {"user_id": "u", "experiment_key": "checkout", "context": {"c": "DE"}}
    first = post(client, "/assign", body).json
    query = "/assign?user_id=u&experiment_key=checkout&context=%7B%22c%22%3A%22DE%22%7D"
    again = client.get(query, headers=HEADERS).json
    assert first["reason"] == "ASSIGNED"
    assert again == {**first, "reason": "STICKY"}
    assert len(running.assignments.rows) == 1


def test_head_is_answered_like_get(running: Service, client: Any) -> None:
    answer = client.head("/assign?user_id=u&experiment_key=checkout", headers=HEADERS)
    assert answer.status_code == 200


def test_options_tells_browsers_what_is_allowed(running: Service) -> None:
    answer = Gateway(application.app).answer("OPTIONS", "/assign", {"Origin": "https://shop.example"}, None)
    assert answer.status == 200
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


def test_a_batch_answers_what_it_can(running: Service, client: Any) -> None:
    body = {"user_id": "u", "context": {"c": "DE"}, "experiment_keys": ["checkout", "none"]}
    answers = post(client, "/assign/batch", body).json["assignments"]
    assert answers["checkout"]["variant"] in ("control", "new")
    assert answers["none"]["error"]["code"] == "experiment_not_found"


def test_a_body_of_256_kb_is_too_large(running: Service, client: Any) -> None:
    body = {"user_id": "u", "experiment_key": "checkout", "context": {"c": "x" * 262_144}}
    assert post(client, "/assign", body).status_code == 413


def test_a_number_as_user_id_is_refused_with_the_reason(running: Service, client: Any) -> None:
    answer = post(client, "/assign", {"user_id": 7, "experiment_key": "checkout"})
    assert answer.status_code == 400
    assert answer.json["error"]["details"][0]["field"] == "user_id"


@pytest.mark.parametrize("user_id", ["", "a\nb", "x" * 1025, "\ud800"])
def test_a_user_id_that_cannot_be_one_is_refused(running: Service, client: Any, user_id: str) -> None:
    answer = post(client, "/assign", {"user_id": user_id, "experiment_key": "checkout"})
    assert answer.status_code == 400
    assert answer.json["error"]["details"][0]["field"] == "user_id"


def test_direct_invocation_takes_the_same_body_and_gives_the_same_answer(running: Service) -> None:
    body = {"user_id": "u", "experiment_key": "checkout", "context": {"c": "DE"}}
    with Client(application.app) as client:
        routed = client.http.post("/assign", headers=HEADERS, body=json.dumps(body).encode()).json_body
        direct = client.lambda_.invoke("assignment", body).payload
    assert direct == {**routed, "reason": "STICKY"}


def test_direct_invocation_answers_a_mistake_in_the_error_shape(running: Service) -> None:
    with Client(application.app) as client:
        unknown = client.lambda_.invoke("assignment", {"user_id": "u", "experiment_key": "none"}).payload
        wrong = client.lambda_.invoke("feature_flags", {"flag_key": "x"}).payload
        nothing = client.lambda_.invoke("feature_flags", "text").payload
    assert unknown["error"]["code"] == "experiment_not_found"
    assert wrong["error"]["details"][0]["field"] == "user_id"
    assert nothing["error"]["code"] == "invalid_request"


def test_in_a_batch_text_that_cannot_be_a_key_fails_no_other(running: Service, client: Any) -> None:
    bad = ["", "x" * 3000, "ü", "a b"]
    body = post(client, "/assign/batch", {"user_id": "u", "experiment_keys": ["checkout", *bad]}).json
    assert body["assignments"]["checkout"]["reason"] == "NOT_TARGETED"
    errors = [body["assignments"][key]["error"] for key in bad]
    assert {error["code"] for error in errors} == {"experiment_not_found"}
    assert [error["details"] for error in errors] == [[]] * 4


def test_in_a_batch_a_key_of_another_type_is_a_400_that_names_it(running: Service, client: Any) -> None:
    answer = post(client, "/assign/batch", {"user_id": "u", "experiment_keys": ["checkout", 5]})
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json["error"]["details"]] == ["experiment_keys[1]"]


@pytest.mark.parametrize("context", [None, {}, "x", []])
def test_a_direct_event_is_none_of_the_gateways_whatever_its_request_context(
    running: Service, context: object
) -> None:
    body = {"user_id": "u", "experiment_key": "checkout", "context": {"c": "DE"}, "requestContext": context}
    assert application.assignment(body, None)["variant"] in ("control", "new")
    refused = application.assignment({"requestContext": context}, None)
    assert refused["error"]["code"] == "invalid_request"


def test_identify_answers_with_the_variants_of_both_ids(running: Service, client: Any) -> None:
    assigned = post(client, "/assign", {"user_id": "a", "experiment_key": "checkout", "context": {"c": "DE"}})
    answer = post(client, "/identify", {"anonymous_id": "a", "user_id": "u"})
    assert answer.status_code == 200
    assert answer.json | {"linked_at": ""} == {
        "anonymous_id": "a",
        "user_id": "u",
        "linked_at": "",
        "assignments": {"checkout": assigned.json["variant"]},
    }
    again = post(client, "/assign", {"user_id": "u", "experiment_key": "checkout"}).json
    assert (again["variant"], again["reason"]) == (assigned.json["variant"], "STICKY")
    (event,) = [each for each in running.stream.events if each["event_type"] == "$identify"]
    assert (event["user_id"], event["properties"]) == ("u", {"anonymous_id": "a"})


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"user_id": "u"}, 400, "invalid_request", "anonymous_id"),
        ({"anonymous_id": "a"}, 400, "invalid_request", "user_id"),
        ({"anonymous_id": 7, "user_id": "u"}, 400, "invalid_request", "anonymous_id"),
        ({"anonymous_id": "u", "user_id": "u"}, 400, "same_id", "anonymous_id"),
        ({"anonymous_id": "", "user_id": "u"}, 400, "invalid_user_id", "anonymous_id"),
        ({"anonymous_id": "taken", "user_id": "u"}, 409, "already_linked", "anonymous_id"),
    ],
)
def test_identify_names_the_field_that_is_wrong(
    running: Service, client: Any, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    running.plane.identify("taken", "somebody")
    answer = post(client, "/identify", body)
    error = answer.json["error"]
    assert (answer.status_code, error["code"], error["details"][0]["field"]) == (status, code, field)
