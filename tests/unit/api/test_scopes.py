"""Each scope opens its routes, and no others, behind every gateway and whatever a flag is called."""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

import app as application
from chalicelib.domain.keys import SCOPES
from realtime.local.front import FRONTS, Front, build_gateway
from realtime.local.gateway import Answer, Gateway
from tests.support.api_keys import make_key, store_key
from tests.support.service import run_service

FLAGS = {
    ("GET", "/flags/evaluate"),
    ("HEAD", "/flags/evaluate"),
    ("POST", "/flags/evaluate"),
    ("POST", "/flags/evaluate/batch"),
    ("POST", "/ofrep/v1/evaluate/flags"),
    ("POST", "/ofrep/v1/evaluate/flags/{key}"),
    ("POST", "/evidently/projects/{project}/evaluations"),
    ("POST", "/evidently/projects/{project}/evaluations/{feature}"),
}
LOCAL = {("GET", "/definitions"), ("HEAD", "/definitions"), ("POST", "/evaluations")}
MANAGEMENT = {
    (method, route)
    for route, methods in application.app.routes.items()
    for method in methods
    if route.split("/")[1] == "admin"
}
EVENTS = {("POST", "/events"), ("POST", "/evidently/events/projects/{project}")}
OPENED: dict[str, set[tuple[str, str]]] = {
    "assign": {
        ("GET", "/assign"),
        ("HEAD", "/assign"),
        ("POST", "/assign"),
        ("POST", "/assign/batch"),
        ("POST", "/identify"),
    },
    "flags": FLAGS | LOCAL,
    "flags:client": FLAGS,
    "events": EVENTS,
    "events:client": EVENTS,
    "results": {("GET", "/experiments/{key}/results"), ("HEAD", "/experiments/{key}/results")},
    "view": MANAGEMENT,
    "admin": {*MANAGEMENT, ("POST", "/events")},
}
OPERATIONS = [
    (method, route)
    for route, methods in application.app.routes.items()
    for method in methods
    if route not in ("/health", "/openapi.json", "/console", "/console/{name}")
]
WORDS = ("events", "assign", "batch", "identify", "results", "evaluate", "flags", "health", "admin")
HOSTILE = (
    *WORDS,
    *(f"x/{word}" for word in WORDS),
    *("assign/batch", "flags/evaluate/batch", "experiments/x/results", "../events", "./events", "//events"),
    *("*", "?", "**", "*/events", "${aws:username}", "{key}", "events?", "events#", "events ", "eventš"),
    *("POST/events", "/POST/events", "GET/assign", "%2Fevents", "%252Fevents", ".", "..", "\\events", "x;y"),
)
AUTHORIZER_BYTES = 8_192
METHOD_ARN = "arn:aws:execute-api:eu-west-1:000000000000:abc123/api/"


@pytest.fixture(scope="module", autouse=True)
def service() -> Iterator[None]:
    with run_service() as service:
        for scope in SCOPES:
            service.keys.put(store_key(scope))
        yield


def list_paths(route: str) -> list[str]:
    return [fill(route, quote(name, safe="")) for name in HOSTILE] if "{" in route else [route]


def fill(route: str, name: str) -> str:
    """With ``name`` for each parameter."""
    return re.sub(r"{\w+}", lambda _: name, route)


def ask(gateway: Gateway, method: str, path: str, scope: str) -> Answer:
    headers = {"Authorization": f"Bearer {make_key(scope)}", "Content-Type": "application/json"}
    return gateway.answer(method, path, headers, b"{}" if method == "POST" else None)


def is_refused_change(answer: Answer, scope: str) -> bool:
    """The route is open to who reads, and the view refuses the change."""
    return scope == "view" and json.loads(answer.body)["error"]["code"] == "missing_scope"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("front", FRONTS)
def test_a_scope_opens_its_routes_and_no_others(front: Front, scope: str) -> None:
    gateway = build_gateway(application.app, front)
    for method, route in OPERATIONS:
        for path in list_paths(route):
            answer = ask(gateway, method, path, scope)
            if (method, route) in OPENED[scope]:
                assert answer.status != 403 or is_refused_change(answer, scope), (method, path)
            else:  # a path with one slash more, or one that is cut off, may be another route or none
                is_another = any(sign in path for sign in ("%2F", "%3F", "%23"))
                assert answer.status in ((403, 404, 405) if is_another else (403,)), (method, path)


def get_policy(scope: str) -> list[str]:
    event = {"authorizationToken": f"Bearer {make_key(scope)}", "methodArn": f"{METHOD_ARN}GET/assign"}
    policy: Any = application.api_key(event | {"type": "TOKEN"}, None)
    (statement,) = policy["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    resources: list[str] = statement["Resource"]
    return resources


def is_allowed(resources: list[str], arn: str) -> bool:
    """By IAM's own rule: ``*`` matches any text, also slashes, and ``?`` any character."""
    return any(
        re.fullmatch(re.escape(resource).replace(r"\*", ".*").replace(r"\?", "."), arn, re.DOTALL)
        for resource in resources
    )


@pytest.mark.parametrize("scope", SCOPES)
def test_the_policy_that_the_gateway_caches_covers_all_routes_of_the_key_and_nothing_else(scope: str) -> None:
    resources = get_policy(scope)
    for method, route in OPERATIONS:
        for name in HOSTILE if "{" in route else ("",):
            for path in {fill(route, name), fill(route, quote(name, safe=""))}:
                if is_allowed(resources, f"{METHOD_ARN}{method}{path}"):
                    assert (method, route) in OPENED[scope], path
                else:
                    assert (method, route) not in OPENED[scope], path


@pytest.mark.parametrize("scope", SCOPES)
def test_a_policy_names_methods_and_whole_paths(scope: str) -> None:
    methods = {method for method, _ in OPENED[scope]}
    for resource in get_policy(scope):
        assert resource.startswith(METHOD_ARN)
        method, _, path = resource.removeprefix(METHOD_ARN).partition("/")
        assert method in methods
        assert not path.startswith("*")


@pytest.mark.parametrize("scopes", itertools.combinations(SCOPES, 2), ids=",".join)
def test_two_scopes_open_the_routes_of_both(scopes: tuple[str, str]) -> None:
    with run_service() as service:
        service.keys.put(store_key(*scopes))
        resources = get_policy(",".join(scopes))
    opened = {
        (method, route)
        for method, route in OPERATIONS
        if is_allowed(resources, f"{METHOD_ARN}{method}{route}")
    }
    assert opened == OPENED[scopes[0]] | OPENED[scopes[1]]


def test_a_scope_names_routes_that_exist() -> None:
    named = {route for routes in SCOPES.values() for route in routes if not route.startswith("/admin")}
    assert named <= {*application.app.routes}


def test_the_authorizers_answer_is_as_small_as_the_gateway_asks_whatever_a_key_opens() -> None:
    with run_service() as service:
        service.keys.put(replace(store_key(*SCOPES), label="ü" * 10_000))
        event = {"authorizationToken": f"Bearer {make_key(','.join(SCOPES))}", "type": "TOKEN"}
        arn = METHOD_ARN.replace("eu-west-1", "ap-southeast-2") + "GET/assign"
        answer: Any = application.api_key(event | {"methodArn": arn}, None)
    assert answer["context"] == {"scope": "admin", "label": "ü" * 200}
    assert len(json.dumps(answer)) < AUTHORIZER_BYTES
