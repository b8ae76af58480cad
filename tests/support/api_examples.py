"""Records the examples of the API's description: `python -m tests.support.api_examples` writes them.

A story is played through the whole application over stores in memory, with a clock of its own.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import app as application
from chalicelib.api.http import get_status, render_error
from chalicelib.api.ofrep import render_failure
from chalicelib.api.openapi import EXAMPLES
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.keys import ApiKey, digest
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.services.admin.keys import ID_LENGTH
from chalicelib.settings import Settings
from realtime.local.front import build_gateway
from realtime.testing.proposals import MemoryProposals
from realtime.testing.stores import MemoryDefinitions
from tests.support.api_keys import make_key
from tests.support.service import Service, run_service

START = parse_timestamp("2026-01-15T08:00:00Z")
"""In the past for whoever sends the examples: an event of the future is refused."""
ADA, GRACE, APP = "ada", "grace", "the web shop"
SCOPES = {ADA: ("admin",), GRACE: ("admin", "view"), APP: ("assign", "flags", "events", "results")}
SHOWN_IDS = ("adaadaadaada", "abbeabbeabbe", "acdcacdcacdc")
"""Of their keys."""
FLAG = {
    "key": "new-checkout",
    "type": "boolean",
    "description": "The checkout on one page.",
    "owner": "team-shop",
    "rollout_percentage": 10,
}
EXPERIMENT = {
    "key": "checkout-button",
    "status": "active",
    "owner": "team-shop",
    "variants": [
        {"key": "control", "allocation": 0.5},
        {"key": "treatment", "allocation": 0.5, "payload": {"colour": "green"}},
    ],
    "metrics": ["purchase"],
}
SEGMENT = {"key": "testers", "include": ["ada"]}
FLAG_PATH, EXPERIMENT_PATH = {"key": "new-checkout"}, {"key": "checkout-button"}
PROJECT = {"project": "shop"}
CONTEXT = {"country": "DE", "plan": "team"}
EVENT = {
    "event_id": "order-1001",
    "event_type": "purchase",
    "user_id": "user-17",
    "timestamp": "2026-01-15T07:59:30Z",
    "value": 49.9,
    "currency": "EUR",
}
EVIDENTLY_TYPES = {429: "ThrottlingException", 500: "InternalServerException"}
INTEGERS = {"limit", "before", "version"}
VOLATILE = (
    (re.compile(r"\brt_[A-Za-z0-9_-]{40,}"), "rt_shown_once"),
    (re.compile(r"\bwhsec_[A-Za-z0-9_-]{40,}"), "<whsec_… shown once>"),
    (re.compile(r"\bwh_[0-9a-f]{10}\b"), "wh_3f2a9c01d4"),
    (re.compile(r"\bd_[0-9a-f]{24}\b"), "d_5f0c2b7d9e1a4c3b8f6d0e21"),
    (re.compile(r'(?<="eventId": ")[0-9a-f-]{36}'), "8b5b6cc1-fb40-d0aa-c8ad-426a8de97017"),
)
"""What is random, and what stands in its place."""


class Recorder:
    """``examples``: by operation its parameters, request and answers by status; and shared ones by shape.

    ``random_ids``: each with what stands in its place.
    """

    def __init__(self, service: Service) -> None:
        self.examples: dict[str, Any] = {"shared": {}}
        self.random_ids: dict[str, str] = {}
        self.service = service
        self._time = START
        service.plane.clock = lambda: self._time
        service.plane.webhooks = replace(service.plane.webhooks, clock=service.plane.clock)
        self._gateway = build_gateway(application.app, "rest")
        for (name, scopes), shown_id in zip(SCOPES.items(), SHOWN_IDS, strict=True):
            self.random_ids[digest(make_key(name))[:ID_LENGTH]] = shown_id
            created = format_timestamp(START - 86_400, "seconds")
            service.keys.put(ApiKey(digest(make_key(name)), name, scopes, created))

    def call(
        self,
        method: str,
        template: str,
        body: Any = None,
        who: str | None = APP,
        *,
        path: Mapping[str, str] | None = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        shape: str = "",
    ) -> Any:
        """Record the call. ``shape``: of an answer that other operations have, too."""
        self._time += 60
        sent = {"Authorization": f"Bearer {make_key(who)}"} if who else {}
        sent |= {} if body is None else {"Content-Type": "application/json"}
        target = template.format(**(path or {})) + (f"?{query}" if query else "")
        raw = None if body is None else json.dumps(body).encode()
        answered = self._gateway.answer(method, target, sent | {**(headers or {})}, raw)
        read = json.loads(answered.body or b"null")
        if shape:
            self.examples["shared"].setdefault(shape, {})[str(answered.status)] = read
            return read
        example = self.examples.setdefault(f"{method} {template}", {})
        example.setdefault("parameters", {}).update(_read_parameters(path or {}, query, headers or {}))
        if "ETag" in answered.headers:
            example["parameters"]["If-None-Match"] = answered.headers["ETag"]
        if body is not None:
            example.setdefault("request", body)
        example.setdefault("answers", {})[str(answered.status)] = read
        return read

    def add(self, method: str, template: str, answer: Any, path: Mapping[str, str] | None = None) -> None:
        """Of an operation that asks AWS."""
        self.examples[f"{method} {template}"] = {"parameters": path or {}, "answers": {"200": answer}}


def _read_parameters(path: Mapping[str, str], query: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """As the description has them: numbers are numbers, a context is an object."""
    parameters: dict[str, Any] = {**path, **dict(parse_qsl(query))}
    for name in INTEGERS & parameters.keys():
        parameters[name] = int(parameters[name])
    if "context" in parameters:
        parameters["context"] = json.loads(parameters["context"])
    return parameters | {name: headers[name] for name in ("If-Match",) if name in headers}


def record() -> str:
    """The file's text."""
    proposals = MemoryProposals()
    settings = Settings.from_env({})
    definitions = MemoryDefinitions(proposals)
    with run_service(settings, definitions=definitions, proposals=proposals) as service:
        recorder = Recorder(service)
        _publish(recorder)
        _decide(recorder)
        _fail_to_decide(recorder)
        _look(recorder)
        _change(recorder)
        _fail_to_change(recorder)
        _operate(recorder)
    text = json.dumps(recorder.examples, indent=1, ensure_ascii=False)
    for pattern, placeholder in VOLATILE:
        text = pattern.sub(placeholder, text)
    for random_id, placeholder in recorder.random_ids.items():
        text = text.replace(random_id, placeholder)
    return text + "\n"


def _based_on(version: int) -> dict[str, str]:
    return {"If-Match": f'"{version}"'}


def _publish(api: Recorder) -> None:
    definitions = {"flags": [FLAG], "experiments": [EXPERIMENT], "segments": [SEGMENT]}
    api.call("POST", "/admin/validate", {"definitions": definitions}, ADA)
    asked: dict[str, Any] = {"definitions": definitions, "reason": "the first of the shop"}
    api.call("POST", "/admin/publish", asked, ADA, headers=_based_on(0))
    api.examples.pop("POST /admin/publish")  # the next one is shorter
    asked = {"definitions": {"flags": [FLAG | {"rollout_percentage": 25}]}, "reason": "for a quarter"}
    api.call("POST", "/admin/publish", asked, ADA, headers=_based_on(1))
    api.call("GET", "/admin", who=ADA)


def _decide(api: Recorder) -> None:
    user = {"user_id": "user-17", "context": CONTEXT}
    query = "user_id=user-17&{}=KEY&context=%7B%22country%22%3A%22DE%22%7D"
    assign = query.format("experiment_key").replace("KEY", "checkout-button")
    api.call("GET", "/assign", query=assign)
    api.call("POST", "/assign", {"experiment_key": "checkout-button", **user})
    api.call("POST", "/assign/batch", user)
    api.call("GET", "/flags/evaluate", query=query.format("flag_key").replace("KEY", "new-checkout"))
    api.call("POST", "/flags/evaluate", {"flag_key": "new-checkout", **user})
    api.call("POST", "/flags/evaluate/batch", user)
    ofrep = {"context": {"targetingKey": "user-17", **CONTEXT}}
    api.call("POST", "/ofrep/v1/evaluate/flags/{key}", ofrep, path=FLAG_PATH)
    api.call("POST", "/ofrep/v1/evaluate/flags", ofrep)
    api.call("GET", "/definitions")
    evaluation: dict[str, Any] = {
        "flag_key": "new-checkout",
        "user_id": "user-17",
        "timestamp": "2026-01-15T07:59:58Z",
    }
    evaluation |= {"variant": "on", "reason": "TARGETING_MATCH", "version": 1}
    api.call("POST", "/evaluations", {"evaluations": [evaluation]})
    api.call("POST", "/events", {"events": [EVENT]})
    api.call("POST", "/identify", {"anonymous_id": "device-3f2a", "user_id": "user-17"})
    entity = {"entityId": "user-17", "evaluationContext": json.dumps(CONTEXT)}
    feature = PROJECT | {"feature": "new-checkout"}
    api.call("POST", "/evidently/projects/{project}/evaluations/{feature}", entity, path=feature)
    batch = {"requests": [entity | {"feature": "new-checkout"}]}
    api.call("POST", "/evidently/projects/{project}/evaluations", batch, path=PROJECT)
    data = {"details": {"value": 49.9}, "userDetails": {"userId": "user-17"}}
    event = {"timestamp": START, "type": "aws.evidently.custom", "data": json.dumps(data)}
    api.call("POST", "/evidently/events/projects/{project}", {"events": [event]}, path=PROJECT)
    api.call("GET", "/experiments/{key}/results", path=EXPERIMENT_PATH)
    api.call("GET", "/health", who=None)
    kept = {"If-None-Match": '"aaaabbbbcccc"'}
    api.examples["GET /console"] = {"parameters": kept}
    api.examples["GET /console/{name}"] = {"parameters": kept | {"name": "console.js"}}


def _look(api: Recorder) -> None:
    flag = {"kind": "flag", "key": "new-checkout"}
    api.call("GET", "/admin/definitions", who=GRACE, query="kind=flag")
    api.call("GET", "/admin/definitions/{kind}/{key}", who=GRACE, path=flag)
    api.call("GET", "/admin/definitions/{kind}/{key}/history", who=GRACE, path=flag)
    api.call("GET", "/admin/publications", who=GRACE, query="limit=50&before=3")
    api.call("GET", "/admin/publications/{version}", who=GRACE, path={"version": "2"})
    api.call("GET", "/admin/stale-flags", who=GRACE)
    api.call("GET", "/admin/experiments/{key}/results", who=GRACE, path=EXPERIMENT_PATH)
    asked = flag | {"user_id": "user-17", "context": CONTEXT}
    api.call("POST", "/admin/explain", asked, GRACE)


def _change(api: Recorder) -> None:
    wider = {"flags": [FLAG | {"rollout_percentage": 50}]}
    removed = {"remove": [{"kind": "segment", "key": "testers"}]}
    api.call("POST", "/admin/diff", {"definitions": wider, **removed}, GRACE)
    api.call("POST", "/admin/flags/{key}/kill", {"reason": "errors at the checkout"}, ADA, path=FLAG_PATH)
    undo = {"reason": "the checkout is mended"}
    api.call("POST", "/admin/flags/{key}/undo-kill", undo, ADA, path=FLAG_PATH)
    back = {"version": 1, "reason": "slower than before"}
    api.call("POST", "/admin/rollback", back, ADA, headers=_based_on(4))
    asked = {"definitions": wider, "reason": "all is well at 25 %"}
    proposal = {"proposal_id": api.call("POST", "/admin/proposals", asked, ADA)["proposal"]}
    api.call("GET", "/admin/proposals", who=GRACE, query="state=open")
    api.call("GET", "/admin/proposals/{proposal_id}", who=GRACE, path=proposal)
    note = {"note": "looked at it together"}
    api.call("POST", "/admin/proposals/{proposal_id}/approve", note, GRACE, path=proposal)
    api.call("POST", "/admin/proposals/{proposal_id}/approve", note, GRACE, path=proposal)
    api.service.proposals.set_approvals(1)  # no route does it
    asked["definitions"] = {"flags": [FLAG | {"rollout_percentage": 75}]}
    waiting = api.call("POST", "/admin/publish", asked, ADA, headers=_based_on(6))
    api.examples["shared"]["PublishAnswer"] = {"202": waiting}
    path = {"proposal_id": waiting["proposal"]}
    api.call("POST", "/admin/proposals/{proposal_id}/reject", {"note": "not now"}, GRACE, path=path)


def _operate(api: Recorder) -> None:
    key = {"label": "android app", "scopes": ["flags:client", "events:client"], "expires": "90d"}
    made = api.call("POST", "/admin/keys", key, ADA)
    api.random_ids[made["id"]] = "aaaabbbbcccc"
    api.call("GET", "/admin/keys", who=GRACE)
    api.call("POST", "/admin/keys/{key_id}/revoke", {}, ADA, path={"key_id": made["id"]})
    address = {"url": "https://hooks.example.com/services/team-shop", "events": ["kill", "split_alarm"]}
    added = api.call("POST", "/admin/webhooks", address, ADA)
    path = {"webhook_id": added["id"]}
    api.call("GET", "/admin/webhooks", who=GRACE)
    api.call("POST", "/admin/webhooks/{webhook_id}/test", {}, ADA, path=path)
    api.call("DELETE", "/admin/webhooks/{webhook_id}", None, ADA, path=path)
    api.call("GET", "/admin/actions", who=GRACE, query="limit=50")
    queues = {"messages": 3, "in_flight": 0, "failed_batches": 0, "failed_in_flight": 0}
    api.add("GET", "/admin/quarantine", queues)
    line = {"name": "decisions", "state": "green", "text": "12 a second, P99 9 ms", "figures": {}}
    at = format_timestamp(START, "seconds")
    api.add("GET", "/admin/status", {"environment": "prod", "at": at, "state": "green", "lines": [line]})
    report = {"experiment_key": "checkout-button", "verdict": {"decision": "not_yet"}}
    analysis = "/admin/experiments/{key}/analysis"
    api.add("GET", analysis, {"saved_at": at, "report": report}, EXPERIMENT_PATH)


def _fail_to_decide(api: Recorder) -> None:
    assign = {"user_id": "user-17", "experiment_key": "checkout-button"}
    api.call("POST", "/assign", {"experiment_key": "checkout-button"}, shape="ErrorAnswer")
    api.call("POST", "/assign", assign, None, shape="ErrorAnswer")
    api.call("POST", "/assign", assign, GRACE, shape="ErrorAnswer")
    api.call("GET", "/assign", query="user_id=user-17&experiment_key=nothing", shape="ErrorAnswer")
    large = assign | {"context": {"text": "x" * 40_000}}
    api.call("POST", "/assign", large, shape="ErrorAnswer")
    api.call("POST", "/assign", assign, headers={"Content-Type": "text/html"}, shape="ErrorAnswer")
    ids = {"anonymous_id": "device-3f2a", "user_id": "user-18"}
    api.call("POST", "/identify", ids, shape="ErrorAnswer")
    api.call("POST", "/events", {"events": [EVENT | {"timestamp": "yesterday"}]}, shape="EventsFailure")
    flags = "/ofrep/v1/evaluate/flags/{key}"
    for who in (None, GRACE):
        api.call("POST", flags, {}, who, path=FLAG_PATH, shape="OfrepFailure")
    api.call("POST", flags, {}, path=FLAG_PATH, shape="OfrepFailure")
    api.call("POST", flags, {}, path={"key": "nothing"}, shape="OfrepFailure")
    feature, path = "/evidently/projects/{project}/evaluations/{feature}", PROJECT | {"feature": "nothing"}
    for body in ({}, {"entityId": "user-17"}):
        api.call("POST", feature, body, path=path, shape="EvidentlyFailure")
    for error in (Throttled(), StorageUnavailable()):
        _add_unavailable(api, error)


def _fail_to_change(api: Recorder) -> None:
    asked = {"definitions": {"flags": [FLAG]}, "reason": "a change"}
    api.call("POST", "/admin/publish", asked, ADA, headers=_based_on(1), shape="ErrorAnswer")
    api.call("POST", "/admin/publish", asked, ADA, shape="ErrorAnswer")


def _add_unavailable(api: Recorder, error: RealtimeError) -> None:
    shapes = {
        "ErrorAnswer": render_error(error.code, error.message),
        "OfrepFailure": render_failure("new-checkout", error),
        "EvidentlyFailure": {"__type": EVIDENTLY_TYPES[get_status(error)], "message": error.message},
    }
    for shape, rendered in shapes.items():
        api.examples["shared"].setdefault(shape, {})[str(get_status(error))] = rendered


if __name__ == "__main__":
    EXAMPLES.write_text(record())
