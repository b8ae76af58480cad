"""The management API, through the whole handler, over stores in memory."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple, get_args

import pytest

import app as application
from chalicelib import deadline
from chalicelib.admin.models import Event, Scope
from chalicelib.admin.openapi import OPERATIONS
from chalicelib.admin.routes import ROUTES
from chalicelib.admin.wiring import get_admin
from chalicelib.api.front_door import LOAD_BALANCER_BYTES
from chalicelib.api.models import ResultsAnswer
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.keys import SCOPES, digest
from chalicelib.domain.reasons import Reason
from chalicelib.domain.webhooks import EVENTS
from chalicelib.services.admin.request_rates import RequestRates
from chalicelib.settings import Settings
from realtime.local.front import build_gateway
from realtime.testing.proposals import MemoryProposals
from realtime.testing.stores import MemoryDefinitions
from tests.support.api_keys import make_key, store_key
from tests.support.service import WITHOUT_SCOPES, Service, run_service

ANN, BEN, VERA = "ann", "ben", "vera"
FLAG = {
    "key": "dark",
    "type": "boolean",
    "description": "The dark theme.",
    "owner": "web",
    "rollout_percentage": 25,
}
EXPERIMENT = {
    "key": "checkout",
    "status": "active",
    "variants": [{"key": "old", "allocation": 0.5}, {"key": "new", "allocation": 0.5}],
}


def name(label: str) -> str:
    """As histories have it."""
    return f"{label} (key {digest(make_key(label))[:12]})"


class Answer(NamedTuple):
    status: int
    body: Any
    headers: dict[str, Any]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


class Api:
    """Calls routes with the key of somebody: Ann and Ben change, Vera reads."""

    def __init__(self, service: Service) -> None:
        self.service = service
        for name, scope in ((ANN, "admin"), (BEN, "admin"), (VERA, "view")):
            service.keys.put(store_key(scope, name=name))

    def get(self, path: str, who: str = VERA, **headers: str) -> Answer:
        return self._call("GET", path, None, make_key(who), headers)

    def post(self, path: str, body: Any, who: str = ANN, **headers: str) -> Answer:
        return self._call("POST", path, body, make_key(who), headers)

    def call(self, method: str, path: str, who: str = ANN) -> Answer:
        return self._call(method, path, None, make_key(who), {})

    def publish(self, *flags: Any, who: str = ANN, base: int | None = None, **more: Any) -> Answer:
        version = self.service.definitions.get_changes(None).version if base is None else base
        body = {"definitions": {"flags": flags, **more}, "reason": "a test"}
        return self.post("/admin/publish", body, who, If_Match=f'"{version}"')

    def _call(self, method: str, path: str, body: Any, key: str, headers: dict[str, str]) -> Answer:
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = None if body is None else json.dumps(body).encode()
        answer = build_gateway(application.app, "rest").answer(method, path, sent, raw)
        read = Answer(answer.status, json.loads(answer.body or b"{}"), {**answer.headers})
        if read.status < 300:
            check_shape(method, path.partition("?")[0], read.body)
        return read


def check_shape(method: str, path: str, body: Any) -> None:
    """The answer is as the API's description has it."""
    [operation] = [
        each
        for each in OPERATIONS
        if each.method.upper() == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", each.path), path)
    ]
    assert operation.answer is not None
    operation.answer.model_validate(body)
    if operation.answer is not ResultsAnswer:  # which names the most important fields only
        assert body.keys() <= operation.answer.model_fields.keys()


@pytest.fixture
def api() -> Iterator[Api]:
    proposals = MemoryProposals()
    with run_service(definitions=MemoryDefinitions(proposals), proposals=proposals) as service:
        yield Api(service)


def test_it_says_where_one_is_and_what_the_key_may_do(api: Api) -> None:
    body = api.get("/admin").body
    assert (body["environment"], body["version"], body["approvals"]) == ("local", 0, 0)
    assert (body["scopes"], body["identity"]["label"]) == (["view"], VERA)
    assert body["identity"]["name"] == name(VERA)
    assert api.get("/admin", ANN).body["scopes"] == ["admin", "view"]


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "POST"])
def test_who_only_reads_changes_nothing(api: Api, route: Any) -> None:
    path = route.path.replace("{key}", "dark").replace("{proposal_id}", "p-1").replace("{key_id}", "a" * 12)
    path = path.replace("{webhook_id}", "wh_0000000001")
    answer = api.post(path, {}, VERA)
    if route.path in ("/admin/validate", "/admin/diff", "/admin/explain"):
        assert answer.status in (200, 400)
    else:
        assert (answer.status, answer.code) == (403, "missing_scope")


@pytest.mark.parametrize("route", ROUTES)
def test_no_other_scope_opens_it_and_off_it_is_not_there(api: Api, route: Any) -> None:
    api.service.keys.put(store_key("assign", "flags", "events", "results", name="app"))
    for key in (make_key("app"), WITHOUT_SCOPES, "garbage"):
        assert api._call(route.method, route.path, None, key, {}).status == 403
    api.service.plane.settings = replace(Settings.from_env({}), admin=False)
    answer = api._call(route.method, route.path, None, make_key(ANN), {})
    assert (answer.status, answer.code) == (404, "admin_disabled")


def test_what_is_published_is_listed_with_who_and_what_it_does(api: Api) -> None:
    assert (
        api.publish(FLAG, experiments=[EXPERIMENT], segments=[{"key": "eu", "include": ["u"]}]).status == 200
    )
    body = api.get("/admin/definitions").body
    assert body["version"] == 1
    experiment, flag, segment = body["definitions"]
    assert (flag["kind"], flag["key"], flag["status"], flag["owner"]) == ("flag", "dark", "active", "web")
    assert (flag["summary"], flag["rollout"], flag["published_by"]) == ("on for 25 %", 25, name(ANN))
    assert (experiment["summary"], experiment["rollout"]) == ("50 % old, 50 % new", None)
    assert experiment["split"] == [{"variant": "old", "share": 0.5}, {"variant": "new", "share": 0.5}]
    assert segment["summary"] == "1 user included"
    assert [item["key"] for item in api.get("/admin/definitions?kind=flag").body["definitions"]] == ["dark"]
    assert api.get("/admin/definitions?kind=thing").status == 400


def test_the_list_is_not_sent_again_while_nothing_changes(api: Api) -> None:
    api.publish(FLAG)
    etag = api.get("/admin/definitions").headers["ETag"]
    assert api.get("/admin/definitions", If_None_Match=etag).status == 304
    api.publish(FLAG | {"enabled": False})
    assert api.get("/admin/definitions", If_None_Match=etag).status == 200


def test_one_definition_is_shown_in_words_with_what_uses_it(api: Api) -> None:
    rules = [{"when": {"segment": "eu"}, "serve": "on"}]
    api.publish(
        {"key": "dark", "type": "boolean", "rules": rules, "default": "off"},
        segments=[{"key": "eu", "include": ["u"]}],
    )
    answer = api.get("/admin/definitions/flag/dark")
    assert answer.headers["ETag"] == '"1"'
    assert answer.body["definition"]["rules"] == rules
    assert answer.body["uses"] == [{"kind": "segment", "key": "eu"}]
    texts = [line["text"] for line in answer.body["words"]]
    assert texts == ["1. rule 1: if in segment eu", "serve on (true)", "Otherwise: off (false)"]
    assert api.get("/admin/definitions/segment/eu").body["used_by"] == [{"kind": "flag", "key": "dark"}]
    assert api.get("/admin/definitions/flag/drak").body["error"]["message"].endswith("did you mean dark?")


def test_a_row_that_was_broken_by_hand_is_shown_as_such(api: Api) -> None:
    api.service.definitions.publish(
        [DefinitionRow("flag", "f", '{"key":"f","type":"boolean","x":1}', "active")], 0, 0.0
    )
    [item] = api.get("/admin/definitions").body["definitions"]
    assert (item["is_valid"], item["summary"]) == (False, "cannot be read: publish it again")
    assert item["problems"][0]["path"] == "x"
    shown = api.get("/admin/definitions/flag/f").body
    assert (shown["definition"], shown["text"], shown["words"]) == (
        None,
        '{"key":"f","type":"boolean","x":1}',
        [],
    )


def test_a_mistake_is_named_with_its_path_and_nothing_is_published(api: Api) -> None:
    definitions = {
        "flags": [
            FLAG | {"rollout_percentage": 120},
            {"key": "on", "type": "boolean", "prerequisites": [{"flag": "no", "variants": ["on"]}]},
        ]
    }
    body = api.post("/admin/validate", {"definitions": definitions}, VERA).body
    assert not body["is_valid"]
    assert body["problems"][0]["path"] == "flags[0] (dark).rollout_percentage"
    answer = api.publish(*definitions["flags"])
    assert (answer.status, answer.code) == (400, "invalid_definitions")
    assert api.get("/admin").body["version"] == 0
    conflict = api.publish(
        {"key": "on", "type": "boolean", "prerequisites": [{"flag": "no", "variants": ["on"]}]}
    )
    assert "'no'" in conflict.body["error"]["message"]


def test_a_warning_is_said_and_hinders_nothing(api: Api) -> None:
    body = api.post("/admin/validate", {"definitions": {"flags": [FLAG | {"rollout_percentage": 0.5}]}}).body
    assert body["is_valid"]
    assert "did you mean 50?" in body["warnings"][0]["message"]


def test_a_difference_says_whom_a_change_reaches_and_changes_nothing(api: Api) -> None:
    api.publish(FLAG)
    body = api.post("/admin/diff", {"definitions": {"flags": [FLAG | {"rollout_percentage": 75}]}}, VERA).body
    [change] = body["changes"]
    assert (body["version"], body["is_valid"], body["needs_approval"]) == (1, True, False)
    assert change["sign"] == "~"
    assert change["differences"] == [{"path": "rollout_percentage", "before": "25.0", "after": "75.0"}]
    assert 0.45 < change["impact"]["share"] < 0.55
    assert "get another answer" in change["impact"]["text"]
    removal = api.post("/admin/diff", {"remove": [{"kind": "flag", "key": "dark"}]}, VERA).body
    assert [each["sign"] for each in removal["changes"]] == ["-"]
    assert api.get("/admin").body["version"] == 1


def test_of_two_who_publish_one_wins_and_the_other_is_told(api: Api) -> None:
    assert api.publish(FLAG, base=0).body["version"] == 1
    answer = api.publish(FLAG | {"enabled": False}, who=BEN, base=0)
    assert (answer.status, answer.code) == (412, "version_conflict")
    assert answer.body["error"]["details"] == [{"field": "version", "message": "1"}]
    unsaid = api.post("/admin/publish", {"definitions": {"flags": [FLAG]}, "reason": "x"})
    assert (unsaid.status, unsaid.code) == (428, "if_match_required")
    assert api.publish(FLAG | {"enabled": False}, who=BEN, base=1).body["version"] == 2


def test_who_publishes_in_the_same_moment_is_told_too(api: Api) -> None:
    definitions = api.service.definitions
    publish, rivals = (
        definitions.publish,
        [DefinitionRow("flag", "rival", '{"key":"rival","type":"boolean"}', "active")],
    )

    def lose(*arguments: Any, **options: Any) -> int:
        definitions.publish = publish  # type: ignore[method-assign]
        publish(rivals, 0, 0.0)
        return publish(*arguments, **options)

    definitions.publish = lose  # type: ignore[method-assign]
    answer = api.publish(FLAG)
    assert (answer.status, answer.code) == (412, "version_conflict")


def test_publishing_what_is_published_changes_nothing(api: Api) -> None:
    api.publish(FLAG)
    assert api.publish(FLAG).body == {"version": 1, "changes": [], "warning": None}


def test_a_change_names_its_reason_and_who_did_it(api: Api) -> None:
    api.publish(FLAG)
    api.publish(FLAG | {"rollout_percentage": 50}, who=BEN)
    newest, first = api.get("/admin/definitions/flag/dark/history").body["versions"]
    assert (first["change"], first["published_by"]) == ("added", name(ANN))
    assert (newest["change"], newest["published_by"]) == ("changed", name(BEN))
    assert newest["note"] == "a test"
    assert newest["differences"] == [{"path": "rollout_percentage", "before": "25.0", "after": "50.0"}]
    feed = api.get("/admin/publications?limit=1").body
    assert [each["version"] for each in feed["publications"]] == [2]
    assert feed["publications"][0]["definitions"] == [{"kind": "flag", "key": "dark", "change": "changed"}]
    older = api.get(f"/admin/publications?limit=1&before={feed['before']}").body
    assert [each["version"] for each in older["publications"]] == [1]
    assert older["before"] is None
    shown = api.get("/admin/publications/2").body["definitions"][0]
    assert shown["differences"] == newest["differences"]
    assert api.get("/admin/publications/3").status == 404
    assert api.get("/admin/publications/x").status == 404


def test_a_rollback_publishes_what_was_in_force(api: Api) -> None:
    api.publish(FLAG)
    api.publish(FLAG | {"rollout_percentage": 50})
    body = {"version": 1, "reason": "too many errors"}
    assert api.post("/admin/rollback", body, If_Match='"1"').code == "version_conflict"
    assert api.post("/admin/rollback", body, If_Match='"2"').body["version"] == 3
    shown = api.get("/admin/definitions/flag/dark").body
    assert shown["definition"]["rollout_percentage"] == 25
    note = api.get("/admin/definitions/flag/dark/history").body["versions"][0]["note"]
    assert note.startswith("rollback to 1, too many errors")
    assert api.post("/admin/rollback", body | {"version": 9}, If_Match='"3"').code == "invalid_version"


def test_a_kill_is_in_the_list_with_its_reason_until_it_is_undone(api: Api) -> None:
    api.publish(FLAG)
    answer = api.post("/admin/flags/dark/kill", {"reason": "errors"})
    assert answer.body["version"] == 2
    assert answer.body["answer"] == {"variant": "off", "value": False}
    [item] = api.get("/admin/definitions").body["definitions"]
    assert (item["is_killed"], item["summary"]) == (True, "off")
    assert item["killed"]["reason"] == "errors"
    again = api.post("/admin/flags/dark/kill", {"reason": "errors"}, BEN).body
    assert (again["version"], again["killed"]["by"]) == (None, name(ANN))
    assert api.post("/admin/flags/dark/undo-kill", {}).body["version"] == 3
    assert not api.get("/admin/definitions").body["definitions"][0]["is_killed"]
    assert api.post("/admin/flags/dark/undo-kill", {}).code == "not_killed"
    assert api.post("/admin/flags/dark/kill", {"reason": " "}).status == 400
    assert api.post("/admin/flags/nope/kill", {"reason": "x"}).status == 404


def publish_protected(api: Api) -> None:
    text = json.dumps(FLAG | {"approvals": 1})
    api.service.definitions.publish([DefinitionRow("flag", "dark", text, "active")], 0, 0.0)


def test_an_undo_takes_back_nothing_that_is_published_in_the_same_moment(api: Api) -> None:
    api.publish(FLAG)
    api.post("/admin/flags/dark/kill", {"reason": "errors"})
    definitions = api.service.definitions
    get_history, text = definitions.get_history, json.dumps(FLAG | {"enabled": False, "owner": "shop"})

    def publish_meanwhile(kind: Any, key: str) -> Any:
        definitions.get_history = get_history  # type: ignore[method-assign]
        history = get_history(kind, key)
        definitions.publish([DefinitionRow("flag", "dark", text, "inactive")], 2, 0.0)
        return history

    definitions.get_history = publish_meanwhile  # type: ignore[method-assign]
    answer = api.post("/admin/flags/dark/undo-kill", {})
    assert (answer.status, answer.code) == (412, "version_conflict")
    assert api.get("/admin/definitions/flag/dark").body["owner"] == "shop"
    assert api.post("/admin/flags/dark/undo-kill", {}).body["version"] == 4
    shown = api.get("/admin/definitions/flag/dark").body
    assert (shown["owner"], shown["status"]) == ("shop", "active")


def test_a_publish_does_not_depend_on_recent_contexts(api: Api) -> None:
    class Gone:
        def get_all(self, _now: float) -> Any:
            raise StorageUnavailable

    plane: Any = api.service.plane
    plane.settings, plane.recent_contexts = replace(plane.settings, context_sample=1.0), Gone()
    assert api.publish(FLAG).body["version"] == 1


@pytest.mark.parametrize("tag", ["", "x", '"²"', "9" * 5000])
def test_a_version_that_is_no_number_is_refused(api: Api, tag: str) -> None:
    answer = api.post("/admin/publish", {"definitions": {"flags": [FLAG]}, "reason": "x"}, If_Match=tag)
    assert (answer.status, answer.code) == (428, "if_match_required")


def test_a_change_waits_until_somebody_else_approves_it(api: Api) -> None:
    publish_protected(api)
    answer = api.publish(FLAG | {"approvals": 1, "rollout_percentage": 50})
    assert (answer.status, answer.body["changes"][0]["sign"]) == (202, "~")
    proposal = f"/admin/proposals/{answer.body['proposal']}"
    assert api.get("/admin/definitions").body["definitions"][0]["open_proposals"] == 1
    shown = api.get(proposal).body
    assert (shown["state"], shown["reason"], shown["proposed_by"]) == ("open", "a test", name(ANN))
    assert shown["changes"][0]["differences"][0]["path"] == "rollout_percentage"
    assert api.post(f"{proposal}/approve", {}).code == "same_identity"
    assert api.post(f"{proposal}/approve", {"note": "fine"}, BEN).body["version"] == 2
    assert api.post(f"{proposal}/approve", {}, BEN).code == "proposal_decided"
    assert api.get("/admin/definitions/flag/dark").body["definition"]["rollout_percentage"] == 50
    assert api.get("/admin/proposals?state=open").body["proposals"] == []
    assert api.get("/admin/proposals?state=nope").status == 400


def test_a_kill_waits_for_nobody_and_its_undo_does(api: Api) -> None:
    publish_protected(api)
    assert api.post("/admin/flags/dark/kill", {"reason": "errors"}).body["version"] == 2
    answer = api.post("/admin/flags/dark/undo-kill", {"reason": "mended"})
    assert answer.status == 202
    assert api.post(f"/admin/proposals/{answer.body['proposal']}/approve", {}, BEN).body["version"] == 3


def test_one_may_ask_for_approval_where_none_is_required(api: Api) -> None:
    asked = {"definitions": {"flags": [FLAG]}, "reason": "please look"}
    answer = api.post("/admin/proposals", asked)
    assert answer.status == 201
    path = f"/admin/proposals/{answer.body['proposal']}"
    assert api.post(f"{path}/reject", {"note": "not now"}).body["state"] == "rejected"
    assert api.get("/admin").body["version"] == 0
    assert api.post("/admin/proposals", asked | {"definitions": {}}).code == "nothing_changes"


def test_keys_are_made_shown_once_and_revoked(api: Api) -> None:
    answer = api.post("/admin/keys", {"label": "shop", "scopes": ["flags", "events"], "expires": "90d"})
    assert answer.status == 201
    listed = next(key for key in api.get("/admin/keys").body["keys"] if key["label"] == "shop")
    assert (listed["scopes"], listed["accepted"]) == (["events", "flags"], True)
    assert answer.body["key"] not in json.dumps(api.get("/admin/keys").body)
    assert api.post(f"/admin/keys/{listed['id']}/revoke", {}).body["accepted"] is False
    assert api.post(f"/admin/keys/{listed['id']}/revoke", {}).code == "key_revoked"
    assert api.post("/admin/keys/a/revoke", {}).status == 404
    assert api.post("/admin/keys", {"label": "x", "scopes": ["all"]}).code == "invalid_request"
    assert {*SCOPES} == {*get_args(Scope)}
    names = [action["name"] for action in api.get("/admin/actions").body["actions"]]
    assert names[-2:] == ["revoke key", "create key"]


def test_an_explanation_has_every_step_and_leaves_a_line_without_the_user(api: Api) -> None:
    api.publish(FLAG | {"overrides": {"user-17": "on"}}, experiments=[EXPERIMENT])
    asked = {"kind": "flag", "key": "dark", "user_id": "user-17"}
    body = api.post("/admin/explain", asked, VERA).body
    assert (body["variant"], body["value"], body["reason"]) == ("on", True, Reason.OVERRIDE.value)
    assert body["steps"][-1]["is_mismatch"] is False
    experiment = api.post("/admin/explain", asked | {"kind": "experiment", "key": "checkout"}, VERA).body
    assert experiment["variant"] in ("old", "new")
    [*_, line] = actions = api.get("/admin/actions").body["actions"]
    assert (line["name"], line["by"], line["outcome"]) == ("explain", name(VERA), "done")
    assert line["selection"].startswith("flag dark, user sha256:")
    assert "user-17" not in json.dumps(actions)
    assert api.post("/admin/explain", asked | {"key": "nope"}, VERA).status == 404


def test_results_are_those_of_the_counters(api: Api) -> None:
    api.publish(experiments=[EXPERIMENT])
    body = api.get("/admin/experiments/checkout/results").body
    assert body["experiment_key"] == "checkout"
    assert {*body["variants"]} == {"old", "new"}


def test_flags_that_can_go_are_named(api: Api) -> None:
    api.service.definitions.publish(
        [DefinitionRow("flag", "old", '{"key":"old","type":"boolean"}', "active")], 0, 0.0
    )
    [flag] = api.get("/admin/stale-flags").body["flags"]
    assert (flag["key"], flag["last_evaluated"]) == ("old", None)
    assert flag["reasons"][0].startswith("on for everyone for ")


def test_webhooks_are_told_of_changes_and_who_changes_is_told_if_not(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.service.plane.webhooks.add("https://example.com/hook", ["publication", "kill", "proposal"])
    queue = api.service.webhook_queue
    assert api.publish(FLAG).body["warning"] is None
    api.post("/admin/flags/dark/kill", {"reason": "errors"})
    events = [json.loads(json.loads(message)["body"]) for message in queue.bodies]
    assert [event["event"] for event in events] == ["publication", "kill"]
    assert [event["by"] for event in events] == [name(ANN), name(ANN)]
    assert events[1]["text"] == f"{name(ANN)} killed the flag dark in local, version 2. Reason: errors"
    queue.is_full = True
    answer = api.publish(FLAG | {"owner": "apps"})
    assert (answer.status, answer.body["version"]) == (200, 3)
    assert "1 of 1 webhooks are not told" in answer.body["warning"]
    assert "1 of 1 webhooks were not told of a publication" in caplog.text


def test_a_key_that_asks_too_often_is_told_when_to_come_back_and_takes_nothing_from_others(api: Api) -> None:
    get_admin(api.service.plane).rates = RequestRates(lambda: 0.0, rate=0.1, burst=2.0)
    assert [api.get("/admin").status for _ in range(3)] == [200, 200, 429]
    refused = api.get("/admin/keys")
    assert (refused.code, refused.headers["Retry-After"]) == ("throttled", "10")
    assert api.get("/admin", ANN).status == 200


def test_a_publish_may_take_longer_than_a_decision(api: Api) -> None:
    left: list[float] = []

    class Slow(MemoryDefinitions):
        def get_changes(self, version: int | None) -> Any:
            left.append(deadline.get_remaining())
            return super().get_changes(version)

    api.service.plane.definitions = Slow()
    assert api.get("/admin").status == 200
    assert deadline.ONLINE_SECONDS < left[0] < deadline.ADMIN_SECONDS


def test_a_receiver_is_added_told_and_removed(api: Api) -> None:
    asked = {"url": "http://127.0.0.1:9/hook/secret-path", "events": ["publication", "kill"]}
    added = api.post("/admin/webhooks", asked)
    assert (added.status, added.body["last_delivery"]) == (201, None)
    listed = api.get("/admin/webhooks")
    assert [each["id"] for each in listed.body["webhooks"]] == [added.body["id"]]
    for hidden in (added.body["secret"], "secret-path"):
        assert hidden not in json.dumps(listed.body)
    api.publish(FLAG)
    api.post("/admin/flags/dark/kill", {"reason": "errors"})
    told = [json.loads(json.loads(message)["body"])["event"] for message in api.service.webhook_queue.bodies]
    assert told == ["publication", "kill"]
    path = f"/admin/webhooks/{added.body['id']}"
    assert api.post(f"{path}/test", {}).status == 202
    assert api.call("DELETE", path, who=VERA).code == "missing_scope"
    assert api.call("DELETE", path).status == 200
    assert api.call("DELETE", path).code == "webhook_not_found"
    assert api.post("/admin/webhooks", asked | {"events": ["everything"]}).status == 400
    assert api.post("/admin/webhooks", asked | {"url": "ftp://x"}).status == 400
    names = [action["name"] for action in api.get("/admin/actions").body["actions"]]
    assert {"add webhook", "remove webhook"} <= {*names}


def test_the_events_of_a_receiver_are_those_that_there_are() -> None:
    assert {*get_args(Event)} == {*EVENTS}


def test_a_publish_of_very_many_is_answered_within_what_a_load_balancer_passes_on(api: Api) -> None:
    flags = [FLAG | {"key": f"f{number}", "description": "x" * 2_000} for number in range(400)]
    answer = api.publish(*flags)
    assert (answer.status, len(answer.body["changes"])) == (200, 400)
    assert len(json.dumps(json.dumps(answer.body))) < LOAD_BALANCER_BYTES
    assert answer.body["changes"][0]["differences"]
    last = answer.body["changes"][-1]
    assert (last["differences"], "left out" in last["notes"][-1]) == ([], True)
