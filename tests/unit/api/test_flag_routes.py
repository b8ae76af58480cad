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
ONE = "/flags/evaluate"


@pytest.fixture
def running() -> Iterator[Service]:
    with run_service() as made:
        made.publish_flag("on", type="boolean")
        made.publish_flag("half", type="boolean", rollout_percentage=50)
        made.publish_flag("number", type="float", default_variant="a", variants=[{"key": "a", "value": 1.0}])
        made.publish_flag(
            "greeting",
            type="string",
            default_variant="en",
            variants=variants(en=1, de=0),
            targeting_rules=rules({"rule": where("country", "eq", "DE"), "variant": "de"}),
        )
        yield made


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


def answer(path: str, body: Any = None, **more: Any) -> Any:
    found = call(path, body, **more)
    assert found["statusCode"] == 200, found
    assert found["headers"]["Content-Type"] == "application/json"
    return json.loads(found["body"])


def error(found: Any) -> tuple[int, str]:
    return found["statusCode"], json.loads(found["body"])["error"]["code"]


def test_get_post_and_direct_invocation_answer_alike(running: Service) -> None:
    asked = {"user_id": "u1", "flag_key": "greeting", "context": {"country": "DE"}}
    expected = {
        "flag_key": "greeting",
        "enabled": True,
        "variant": "de",
        "value": "de",
        "reason": "TARGETING_MATCH",
    }
    assert answer(ONE, asked) == expected
    query = asked | {"context": json.dumps(asked["context"])}
    assert answer(ONE, method="GET", query=query) == expected
    assert answer(ONE, method="HEAD", query=query) == expected  # the gateway drops the body
    assert application.feature_flags(asked, None) == expected


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
def test_what_is_wrong_is_told(running: Service, body: Any, code: tuple[int, str]) -> None:
    assert error(call(ONE, body)) == code


def test_a_batch_has_all_flags_or_those_that_are_named(running: Service) -> None:
    everything = answer(BATCH, {"user_id": "u1"})["flags"]
    assert list(everything) == ["greeting", "half", "number", "on"]
    named = answer(BATCH, {"user_id": "u1", "flag_keys": ["on", "half", "on"]})["flags"]
    assert named == {"on": everything["on"], "half": everything["half"]}
    assert answer(ONE, {"user_id": "u1", "flag_key": "half"}) == everything["half"]
    assert answer(BATCH, {"user_id": "u1", "flag_keys": []}) == {"flags": {}}


def test_numbers_keep_their_type(running: Service) -> None:
    assert '"value":1.0,' in call(ONE, {"user_id": "u1", "flag_key": "number"})["body"]
    assert '"value":1.0,' in call(BATCH, {"user_id": "u1"})["body"]


def test_a_key_that_is_wrong_never_fails_the_rest(running: Service) -> None:
    keys = ["on", "nope", 'quoted"', "\ud800", ""]
    flags = answer(BATCH, {"user_id": "u1", "flag_keys": keys})["flags"]
    assert set(flags) == set(keys)
    assert flags["on"]["value"] is True
    assert {flags[key]["error"]["code"] for key in keys[1:]} == {"flag_not_found"}


def test_a_flag_that_breaks_never_fails_the_rest(running: Service) -> None:
    """Publishing refuses circles; a row that somebody edited by hand may have one."""
    for one, other in (("a", "b"), ("b", "a")):
        running.publish_flag(one, type="boolean", prerequisites=[{"flag": other, "variants": ["on"]}])
    flags = answer(BATCH, {"user_id": "u1"})["flags"]
    assert flags["a"]["error"]["code"] == flags["b"]["error"]["code"] == "storage_unavailable"
    assert flags["on"]["value"] is True


def test_a_flag_whose_row_cannot_be_read_fails_alike_alone_and_among_others(running: Service) -> None:
    running.publish_flag("broken", type="nonsense")
    running.publish_flag("needs", type="boolean", prerequisites=[{"flag": "broken", "variants": ["on"]}])
    for _ in range(2):
        for key in ("broken", "needs"):
            assert error(call(ONE, {"user_id": "u", "flag_key": key})) == (500, "storage_unavailable")
        named = answer(BATCH, {"user_id": "u", "flag_keys": ["broken", "none"]})["flags"]
        assert named["broken"]["error"]["code"] == "storage_unavailable"
        assert named["none"]["error"]["code"] == "flag_not_found"
        every = answer(BATCH, {"user_id": "u"})["flags"]
        assert {key for key, one in every.items() if "error" in one} == {"broken", "needs"}
    bulk = answer("/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "u"}})["flags"]
    assert {one["key"] for one in bulk if "errorCode" in one} == {"broken", "needs"}


def test_openfeature_gets_its_own_shape_whatever_happens(running: Service) -> None:
    running.publish_flag("a", type="boolean", prerequisites=[{"flag": "a", "variants": ["on"]}])
    large = {"context": {"targetingKey": "u1", "a": "x" * 300_000}}
    for path, body, expected in (
        ("/ofrep/v1/evaluate/flags/{key}", {}, (500, "a", "GENERAL")),
        ("/ofrep/v1/evaluate/flags", large, (400, "", "PARSE_ERROR")),
    ):
        found = call(path, body, parameters={"key": "a"})
        told = json.loads(found["body"])
        assert (found["statusCode"], told["key"], told["errorCode"]) == expected


def test_an_etag_stands_for_user_context_and_definitions(running: Service) -> None:
    def tag(**body: Any) -> str:
        found: str = call(BATCH, {"user_id": "u1"} | body)["headers"]["ETag"]
        return found

    assert tag() == tag() == tag(context={"nobody": "asks for it"})
    assert tag() != tag(context={"country": "DE"})
    unchanged = call(BATCH, {"user_id": "u1"}, If_None_Match=f'W/{tag()}, "other"')
    assert (unchanged["statusCode"], unchanged["body"], unchanged["headers"]["ETag"]) == (304, "", tag())


def test_every_answer_is_tracked_once(running: Service) -> None:
    for _ in range(2):
        answer(ONE, {"user_id": "u1", "flag_key": "on"})
        answer(BATCH, {"user_id": "u1", "flag_keys": ["on", "number", "nope"]})
    running.plane.tracker.flush()
    told = [(event["user_id"], event["flag_key"]) for event in running.stream.events]
    assert sorted(told) == [("u1", "number"), ("u1", "on")]


def test_without_tracking_nothing_is_told() -> None:
    with run_service(replace(Settings.from_env({}), tracking=False)) as made:
        made.publish_flag("on", type="boolean")
        answer(ONE, {"user_id": "u1", "flag_key": "on"})
        answer(BATCH, {"user_id": "u1"})
        assert made.plane.tracker.flush() == 0
        assert made.stream.events == []


def test_health_shows_how_often_the_cache_has_the_answer(running: Service) -> None:
    for number in range(200):
        answer(ONE, {"user_id": f"u{number}", "flag_key": "on"})
    assert answer("/health", method="GET")["cache_hit_rate"] > 0.95
