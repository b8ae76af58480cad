"""The same request gets the same answer behind every gateway."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app as application
from chalicelib.admin.routes import ROUTES
from realtime.local.front import FRONTS, Front, build_gateway
from realtime.local.gateway import Answer
from tests.support.api_keys import make_key, store_key
from tests.support.experiments import published
from tests.support.openfeature_flags import FLAGS, publish_all
from tests.support.service import KEY, WITHOUT_SCOPES, run_service

OTHERS = tuple(front for front in FRONTS if front != "rest")
VOLATILE = ("timestamp", "assignment_id", "event_ids", "cache_hit_rate", "linked_at")
WEB = make_key("web")
KEYS = (KEY, WITHOUT_SCOPES, WEB, make_key("nobody"), "garbage")
COMPARED = ("content-type", "etag", "retry-after", "www-authenticate", "allow", "accept-encoding")
Request = tuple[str, str, Mapping[str, str], bytes | None]


@pytest.fixture(scope="module", autouse=True)
def service() -> Iterator[None]:
    with run_service() as service:
        service.definitions.publish([published()], 0, 0.0)
        publish_all(service)
        service.publish_flag("hidden", type="boolean", client_visible=False)
        service.keys.put(store_key("flags:client", name="web"))
        for user in ("u", "ü"):  # the first decision has another reason than all that follow
            service.plane.assign(user, "checkout", {})
        yield


def ask(front: Front, request: Request) -> tuple[int, Any, dict[str, Any]]:
    """Status, body without what differs at each call, and the headers that clients read."""
    answer: Answer = build_gateway(application.app, front).answer(*request)
    headers = {name.lower(): value for name, value in answer.headers.items()}
    compared = {
        name: value
        for name, value in headers.items()
        if name in COMPARED or name.startswith("access-control-")
    }
    return answer.status, _read(answer.body), compared


def _read(body: bytes) -> Any:
    def drop(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: drop(member) for name, member in value.items() if name not in VOLATILE}
        return [drop(member) for member in value] if isinstance(value, list) else value

    return drop(json.loads(body)) if body.startswith(b"{") else body


def headers(key: str | None = KEY, **more: str) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    authorization = {"Authorization": f"Bearer {key}"} if key else {}
    return {"Content-Type": "application/json"} | authorization | named


FLAG = json.dumps({"user_id": "ü", "flag_key": "string"}).encode()
EVENT = {"event_type": "view", "user_id": "u", "timestamp": "2026-11-01T00:00:00Z"}
EVALUATION = {
    "flag_key": "string",
    "user_id": "u",
    "variant": "a",
    "reason": "STATIC",
    "version": 1,
    "timestamp": "2026-11-01T00:00:00Z",
}
ASKS_AWS = ("/admin/status", "/admin/quarantine", "/admin/experiments/{key}/analysis")
"""Which is not here."""
NAMES = {
    "kind": "flag",
    "key": "string",
    "version": "1",
    "proposal_id": "p-1",
    "key_id": "a" * 12,
    "webhook_id": "wh_0000000001",
}


def _fill(path: str) -> str:
    return re.sub(r"{(\w+)}", lambda name: NAMES[name[1]], path)


REQUESTS: list[Request] = [
    ("GET", "/health", {}, None),
    ("HEAD", "/health", {}, None),
    ("GET", "/openapi.json", {}, None),
    ("GET", "/console", {}, None),
    ("HEAD", "/console", {}, None),
    ("GET", "/console/console.js", {}, None),
    ("GET", "/console/none.js", {}, None),
    ("GET", "/assign?user_id=%C3%BC&experiment_key=checkout", headers(), None),
    ("HEAD", "/assign?user_id=u&experiment_key=checkout", headers(), None),
    ("POST", "/assign", headers(), b'{"user_id":"u","experiment_key":"checkout"}'),
    ("POST", "/assign", headers(), b'{"user_id":"u","experiment_key":"nowhere"}'),
    ("POST", "/assign/batch", headers(), b'{"user_id":"u"}'),
    ("POST", "/identify", headers(), b'{"anonymous_id":"a","user_id":"a"}'),
    ("GET", "/flags/evaluate?user_id=a+b&user_id=c&flag_key=string&context=%7B%22a%22%3A%22%2C%22%7D",
     headers(), None),
    ("GET", "/flags/evaluate?user_id=&flag_key", headers(), None),
    ("GET", "/flags/evaluate?user_id=%FF&flag_key=string", headers(), None),
    ("GET", "/flags/evaluate?user_id=%ED%A0%80&flag_key=string", headers(), None),
    ("GET", "/flags/evaluate?user_id=u&flag_key=string&%FF=1", headers(), None),
    ("GET", "/assign?user_id=u&experiment_key=checkout&context=%7B%22a%22%3A%22%C3%22%7D", headers(), None),
    ("POST", "/events?backfill=%C3", headers(), json.dumps(EVENT).encode()),
    ("GET", "/flags/evaluate", headers(), None),
    ("POST", "/flags/evaluate", headers(), FLAG),
    ("POST", "/flags/evaluate", headers(WEB), FLAG),
    ("POST", "/flags/evaluate", headers(WEB), b'{"user_id":"u","flag_key":"hidden"}'),
    ("POST", "/flags/evaluate", headers(None), FLAG),
    ("POST", "/flags/evaluate", headers(make_key("nobody")), FLAG),
    ("POST", "/flags/evaluate", headers(WITHOUT_SCOPES), FLAG),
    ("POST", "/flags/evaluate", headers(Content_Encoding="gzip"), gzip.compress(FLAG)),
    ("POST", "/flags/evaluate", headers(Content_Encoding="deflate"), zlib.compress(FLAG)),
    ("POST", "/flags/evaluate", headers(Content_Encoding="gzip"), gzip.compress(FLAG)[:-3]),
    ("POST", "/flags/evaluate", headers(Content_Encoding="br"), b"x"),
    ("POST", "/flags/evaluate", headers(), b'{"user_id":"' + b"x" * 300_000 + b'"}'),
    ("POST", "/flags/evaluate", {**headers(), "Content-Type": "text/plain"}, FLAG),
    ("POST", "/flags/evaluate", headers(), b"[1"),
    ("POST", "/flags/evaluate", headers(), None),
    ("POST", "/flags/evaluate/batch", headers(), b'{"user_id":"u"}'),
    ("POST", "/ofrep/v1/evaluate/flags", headers(), b'{"context":{"targetingKey":"u"}}'),
    ("POST", "/ofrep/v1/evaluate/flags/greeting", headers(),
     b'{"context":{"targetingKey":"u","country":"DE"}}'),
    ("POST", "/ofrep/v1/evaluate/flags/gr%C3%BCn%20", headers(), b"{}"),
    ("POST", "/ofrep/v1/evaluate/flags/greeting", headers(None), b"{}"),
    ("GET", "/ofrep/v1/evaluate/flags/greeting", headers(), None),
    ("POST", "/ofrep/v1/evaluate/flags/a/b", headers(), b"{}"),
    ("POST", "/evidently/projects/p/evaluations/greeting", headers(), b'{"entityId":"u"}'),
    ("POST", "/evidently/projects/p/evaluations/nowhere", headers(), b'{"entityId":"u"}'),
    ("POST", "/evidently/projects/p/evaluations", headers(), b'{"requests":[]}'),
    ("POST", "/evidently/projects/p/evaluations", headers(None), b'{"requests":[]}'),
    ("POST", "/evidently/events/projects/p", headers(), b'{"events":[]}'),
    ("POST", "/events", headers(), json.dumps(EVENT).encode()),
    ("POST", "/events", headers(), json.dumps({"events": [EVENT, {}]}).encode()),
    ("POST", f"/events?key={WEB}", {"Content-Type": "text/plain;charset=UTF-8"}, json.dumps(EVENT).encode()),
    ("POST", "/events", {}, None),
    ("GET", "/definitions", headers(), None),
    ("GET", "/definitions", headers(WEB), None),
    ("HEAD", "/definitions", headers(), None),
    ("POST", "/evaluations", headers(), json.dumps({"evaluations": [EVALUATION]}).encode()),
    ("POST", "/evaluations", headers(), json.dumps({"evaluations": [EVALUATION | {"version": -1}]}).encode()),
    ("GET", "/experiments/checkout/results", headers(), None),
    ("GET", "/experiments/nowhere/results", headers(), None),
    ("OPTIONS", "/experiments/checkout/results", {}, None),
    ("OPTIONS", "/nowhere", {}, None),
    ("DELETE", "/events", headers(), None),
    ("GET", "/", {}, None),
    ("GET", "/{key}", {}, None),
    ("GET", "/experiments/{key}/results", headers(), None),
    ("GET", "/assignments", headers(), None),
    *(
        (route.method, _fill(route.path), headers(), b"{}" if route.method == "POST" else None)
        for route in ROUTES
        if route.path not in ASKS_AWS
    ),
    ("GET", "/admin/definitions", headers(WEB), None),
    ("OPTIONS", "/admin/definitions", {"Origin": "https://x.example"}, None),
]  # fmt: skip


@pytest.mark.parametrize("front", OTHERS)
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: f"{request[0]} {request[1][:40]}")
def test_each_kind_of_request_is_answered_as_behind_a_rest_api(front: Front, request_: Request) -> None:
    assert ask(front, request_) == ask("rest", request_)


def test_these_requests_reach_every_route_and_method() -> None:
    def matches(path: str, route: str) -> bool:
        parts, pattern = path.partition("?")[0].split("/"), route.split("/")
        return len(parts) == len(pattern) and all(
            b == a or b.startswith("{") for a, b in zip(parts, pattern, strict=True)
        )

    for route, methods in application.app.routes.items():
        if route in ASKS_AWS:
            continue
        asked = {request[0] for request in REQUESTS if matches(request[1], route)}
        assert {*methods} - {"HEAD"} <= asked, route


texts = st.text(st.characters(codec="utf-8"), max_size=8)
paths = st.one_of(
    st.sampled_from([*application.app.routes, "/nowhere", "/assign/x"]),
    st.builds(
        lambda key: f"/ofrep/v1/evaluate/flags/{quote(key, safe='')}",
        st.one_of(st.sampled_from([*FLAGS]), texts.filter(lambda text: text and not {*"/?#"} & {*text})),
    ),
)
queries = st.lists(
    st.tuples(st.sampled_from(["user_id", "flag_key", "experiment_key", "context", "key", "ü"]), texts),
    max_size=5,
)
bodies = st.one_of(
    st.none(),
    st.binary(max_size=20),
    st.dictionaries(
        st.sampled_from(["user_id", "flag_key", "experiment_key", "context", "event_type", "timestamp"]),
        st.one_of(texts, st.sampled_from(["checkout", *FLAGS]), st.just({})),
    ).map(lambda body: json.dumps(body, ensure_ascii=False).encode()),
)
encodings = st.sampled_from(["", "gzip", "identity", "br"])
types = st.sampled_from(
    ["application/json", "application/json; charset=utf-8", "text/plain", "image/png", ""]
)
authorizations = st.one_of(
    st.none(), st.just("Basic x"), st.sampled_from(KEYS).map("Bearer {}".format), st.just(f"bearer  {KEY} ")
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS", "PURGE"]))
    query, body, sent = draw(queries), draw(bodies), {"Content-Type": draw(types)}
    if authorization := draw(authorizations):
        sent["Authorization"] = authorization
    if encoding := draw(encodings):
        sent["Content-Encoding"] = encoding
        body = gzip.compress(body) if body and encoding == "gzip" and draw(st.booleans()) else body
    elif body:
        body = body.decode(errors="replace").encode()  # a gateway passes on text
    return method, draw(paths) + (f"?{urlencode(query)}" if query else ""), sent, body or None


@pytest.mark.parametrize("front", ["rest", *OTHERS])
@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/flags/evaluate?flag_key=string&user_id=%FF", "user_id"),
        ("/flags/evaluate?flag_key=string&user_id=a%C3", "user_id"),
        ("/flags/evaluate?flag_key=string&user_id=%ED%A0%80", "user_id"),
        ("/flags/evaluate?flag_key=string&user_id=%C0%AF", "user_id"),
        ("/flags/evaluate?flag_key=string&user_id=%EF%BF%BD", "user_id"),
        ("/flags/evaluate?user_id=u&flag_key=%FF", "flag_key"),
        ("/flags/evaluate?user_id=u&flag_key=string&context=%7B%22a%22:%22%FF%22%7D", "context"),
        ("/flags/evaluate?user_id=u&flag_key=string&unknown=%FF", "unknown"),
        ("/flags/evaluate?user_id=u&flag_key=string&%FF=1", "query"),
        ("/assign?user_id=%FF&experiment_key=checkout", "user_id"),
    ],
)
def test_a_query_that_is_not_utf_8_is_refused_and_not_repaired(front: Front, path: str, field: str) -> None:
    status, body, _ = ask(front, ("GET", path, headers(), None))
    assert status == 400
    assert body["error"]["code"] == "invalid_encoding"
    assert [problem["field"] for problem in body["error"]["details"]] == [field]


@pytest.mark.parametrize("front", ["rest", *OTHERS])
def test_events_refuse_such_a_query_as_well(front: Front) -> None:
    status, body, _ = ask(front, ("POST", "/events?x=%FF", headers(), json.dumps(EVENT).encode()))
    assert (status, body["error"]["code"]) == (400, "invalid_encoding")


@given(requests())
def test_any_request_is_answered_as_behind_a_rest_api(request: Request) -> None:
    ask("rest", request)  # the first decision about a user has another reason than all that follow
    expected = ask("rest", request)
    for front in OTHERS:
        assert ask(front, request) == expected, front
