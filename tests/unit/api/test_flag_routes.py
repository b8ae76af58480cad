"""The flag routes, through the whole handler, over stores in memory."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import app as application
from chalicelib.settings import Settings
from tests.support.flags import rules, variants, where
from tests.support.service import Service, run_service

BATCH = "/flags/evaluate/batch"
EVALUATE = "/flags/evaluate"


@pytest.fixture
def running() -> Iterator[Service]:
    with run_service() as service:
        service.publish_flag("on", type="boolean")
        service.publish_flag("half", type="boolean", rollout_percentage=50)
        service.publish_flag(
            "number", type="float", default_variant="a", variants=[{"key": "a", "value": 1.0}]
        )
        service.publish_flag(
            "greeting",
            type="string",
            default_variant="en",
            variants=variants(en=1, de=0),
            targeting_rules=rules({"rule": where("country", "eq", "DE"), "variant": "de"}),
        )
        yield service


def call(
    path: str,
    body: Any = None,
    method: str = "POST",
    query: Any = None,
    parameters: Any = None,
    **headers: str,
) -> Any:
    sent = {
        "Content-Type": "application/json",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    return application.app(
        {
            "requestContext": {"httpMethod": method, "resourcePath": path},
            "path": path,
            "headers": sent,
            "pathParameters": parameters,
            "stageVariables": None,
            "multiValueQueryStringParameters": query and {name: [text] for name, text in query.items()},
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        },
        None,
    )


def answer(path: str, body: Any = None, **arguments: Any) -> Any:
    response = call(path, body, **arguments)
    assert response["statusCode"] == 200, response
    assert response["headers"]["Content-Type"] == "application/json"
    return json.loads(response["body"])


def error(response: Any) -> tuple[int, str]:
    return response["statusCode"], json.loads(response["body"])["error"]["code"]


def test_get_post_and_direct_invocation_answer_alike(running: Service) -> None:
    body = {"user_id": "u1", "flag_key": "greeting", "context": {"country": "DE"}}
    expected = {
        "flag_key": "greeting",
        "enabled": True,
        "variant": "de",
        "value": "de",
        "reason": "TARGETING_MATCH",
    }
    assert answer(EVALUATE, body) == expected
    query = body | {"context": json.dumps(body["context"])}
    assert answer(EVALUATE, method="GET", query=query) == expected
    assert answer(EVALUATE, method="HEAD", query=query) == expected  # the gateway drops the body
    assert application.feature_flags(body, None) == expected


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"user_id": "u1"}, (400, "invalid_request")),
        ({"user_id": 7, "flag_key": "on"}, (400, "invalid_request")),
        ({"user_id": "", "flag_key": "on"}, (400, "invalid_user_id")),
        ({"user_id": "u1", "flag_key": "on", "context": []}, (400, "invalid_request")),
        ({"user_id": "u1", "flag_key": "on", "context": {"a": "x" * 40_000}}, (413, "context_too_large")),
        ({"user_id": "u1", "flag_key": "nope"}, (404, "flag_not_found")),
    ],
)
def test_each_mistake_has_its_status_and_code(running: Service, body: Any, code: tuple[int, str]) -> None:
    assert error(call(EVALUATE, body)) == code


def test_a_batch_has_all_flags_or_those_that_are_named(running: Service) -> None:
    everything = answer(BATCH, {"user_id": "u1"})["flags"]
    assert list(everything) == ["greeting", "half", "number", "on"]
    selected = answer(BATCH, {"user_id": "u1", "flag_keys": ["on", "half", "on"]})["flags"]
    assert selected == {"on": everything["on"], "half": everything["half"]}
    assert answer(EVALUATE, {"user_id": "u1", "flag_key": "half"}) == everything["half"]
    assert answer(BATCH, {"user_id": "u1", "flag_keys": []}) == {"flags": {}}


def test_numbers_keep_their_type(running: Service) -> None:
    assert '"value":1.0,' in call(EVALUATE, {"user_id": "u1", "flag_key": "number"})["body"]
    assert '"value":1.0,' in call(BATCH, {"user_id": "u1"})["body"]


def test_a_key_that_is_wrong_never_fails_the_rest(running: Service) -> None:
    keys = ["on", "nope", 'quoted"', "\ud800", ""]
    flags = answer(BATCH, {"user_id": "u1", "flag_keys": keys})["flags"]
    assert set(flags) == set(keys)
    assert flags["on"]["value"] is True
    assert {flags[key]["error"]["code"] for key in keys[1:]} == {"flag_not_found"}


def test_a_flag_that_breaks_never_fails_the_rest(running: Service) -> None:
    """Publishing refuses circles; a row that was edited by hand may have one."""
    for key, prerequisite in (("a", "b"), ("b", "a")):
        running.publish_flag(key, type="boolean", prerequisites=[{"flag": prerequisite, "variants": ["on"]}])
    flags = answer(BATCH, {"user_id": "u1"})["flags"]
    assert flags["a"]["error"]["code"] == flags["b"]["error"]["code"] == "storage_unavailable"
    assert flags["on"]["value"] is True


def test_a_flag_whose_row_cannot_be_read_fails_alike_alone_and_among_others(running: Service) -> None:
    running.publish_flag("broken", type="nonsense")
    running.publish_flag("needs", type="boolean", prerequisites=[{"flag": "broken", "variants": ["on"]}])
    for _ in range(2):
        for key in ("broken", "needs"):
            assert error(call(EVALUATE, {"user_id": "u", "flag_key": key})) == (500, "storage_unavailable")
        selected = answer(BATCH, {"user_id": "u", "flag_keys": ["broken", "none"]})["flags"]
        assert selected["broken"]["error"]["code"] == "storage_unavailable"
        assert selected["none"]["error"]["code"] == "flag_not_found"
        all_flags = answer(BATCH, {"user_id": "u"})["flags"]
        assert {key for key, flag in all_flags.items() if "error" in flag} == {"broken", "needs"}
    bulk = answer("/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "u"}})["flags"]
    assert {flag["key"] for flag in bulk if "errorCode" in flag} == {"broken", "needs"}


def test_openfeature_gets_its_own_shape_whatever_happens(running: Service) -> None:
    running.publish_flag("a", type="boolean", prerequisites=[{"flag": "a", "variants": ["on"]}])
    large = {"context": {"targetingKey": "u1", "a": "x" * 300_000}}
    for path, body, expected in (
        ("/ofrep/v1/evaluate/flags/{key}", {}, (500, "a", "GENERAL")),
        ("/ofrep/v1/evaluate/flags", large, (400, "", "PARSE_ERROR")),
    ):
        response = call(path, body, parameters={"key": "a"})
        failure = json.loads(response["body"])
        assert (response["statusCode"], failure["key"], failure["errorCode"]) == expected


KEY = {"key": "mine"}
OFREP = "/ofrep/v1/evaluate/flags"


def ask_openfeature(context: dict[str, Any]) -> tuple[bool, bool]:
    """The value of flag `mine` by itself, and among all."""
    one = answer(f"{OFREP}/{{key}}", {"context": context}, parameters=KEY)
    (among,) = [flag for flag in answer(OFREP, {"context": context})["flags"] if flag["key"] == "mine"]
    return one["value"], among["value"]


def test_openfeature_keeps_the_user_id_of_the_context_as_an_attribute(running: Service) -> None:
    running.publish_flag(
        "mine", type="boolean", targeting_rules=rules({"rule": where("user_id", "eq", "ada")})
    )
    assert ask_openfeature({"targetingKey": "device-1", "user_id": "ada"}) == (True, True)
    assert ask_openfeature({"targetingKey": "ada"}) == (True, True)
    assert ask_openfeature({"targetingKey": "ada", "user_id": "bob"}) == (False, False)
    assert ask_openfeature({"targetingKey": "ada", "user_id": None}) == (False, False)
    body = {"flag_key": "mine", "context": {"user_id": "ada"}}
    assert answer("/flags/evaluate", body | {"user_id": "bob"})["value"] is False
    assert answer(BATCH, {"user_id": "bob", "context": {"user_id": "ada"}})["flags"]["mine"]["value"] is False


def test_openfeature_divides_by_the_targeting_key(running: Service) -> None:
    half = rules({"id": "half", "rule": {}, "rollout_percentage": 50}) | {"version": "2.0"}
    running.publish_flag("mine", type="boolean", rollout_percentage=90, targeting_rules=half)
    for number in range(20):
        alone = ask_openfeature({"targetingKey": f"device-{number}"})
        assert ask_openfeature({"targetingKey": f"device-{number}", "user_id": "ada"}) == alone


def test_an_etag_stands_for_user_context_and_definitions(running: Service) -> None:
    def get_etag(**body: Any) -> str:
        etag: str = call(BATCH, {"user_id": "u1"} | body)["headers"]["ETag"]
        return etag

    assert get_etag() == get_etag() == get_etag(context={"unused": "attribute"})
    assert get_etag() != get_etag(context={"country": "DE"})
    unchanged = call(BATCH, {"user_id": "u1"}, If_None_Match=f'W/{get_etag()}, "other"')
    assert (unchanged["statusCode"], unchanged["body"], unchanged["headers"]["ETag"]) == (304, "", get_etag())


def test_every_answer_is_tracked_once(running: Service) -> None:
    for _ in range(2):
        answer(EVALUATE, {"user_id": "u1", "flag_key": "on"})
        answer(BATCH, {"user_id": "u1", "flag_keys": ["on", "number", "nope"]})
    running.plane.tracker.flush()
    evaluations = [(event["user_id"], event["flag_key"]) for event in running.stream.events]
    assert sorted(evaluations) == [("u1", "number"), ("u1", "on")]


def test_without_tracking_nothing_is_sent() -> None:
    with run_service(replace(Settings.from_env({}), tracking=False)) as service:
        service.publish_flag("on", type="boolean")
        answer(EVALUATE, {"user_id": "u1", "flag_key": "on"})
        answer(BATCH, {"user_id": "u1"})
        assert service.plane.tracker.flush() == 0
        assert service.stream.events == []


def test_health_shows_how_often_the_cache_has_the_answer(running: Service) -> None:
    for number in range(200):
        answer(EVALUATE, {"user_id": f"u{number}", "flag_key": "on"})
    assert answer("/health", method="GET")["cache_hit_rate"] > 0.95
