"""Least privilege: botocore's calls while a function's code runs are exactly the actions of its role."""

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from chalice.app import Request

from chalicelib.admin.routes import ROUTES
from chalicelib.api.http import make_auth_context
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.keys import grant
from chalicelib.domain.stream.event import MAX_BYTES
from chalicelib.domain.webhooks import Webhook
from chalicelib.services.admin.split_alarms import SplitAlarms
from chalicelib.services.definitions.catalog import Catalog
from chalicelib.services.unknown_keys import GUESSES
from chalicelib.settings import Settings
from chalicelib.stores.alarm_marks import AlarmMarkStore
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.key_snapshots import KeySnapshotStore
from chalicelib.stores.keys import KeyStore
from chalicelib.stores.publication import CLAIM_SECONDS, Publication
from chalicelib.stores.snapshot_folder import KEPT_SECONDS
from chalicelib.stores.snapshots import SnapshotStore
from chalicelib.stores.webhooks import WebhookStore
from chalicelib.wiring import Plane
from infra import environments
from infra.environments import Api, FunctionName
from infra.functions import LOGICAL_IDS
from infra.release.probes import build_gateway_event
from infra.resource_names import Platform, get_platform_defaults, resolve_names
from infra.roles import build_statements, list_calls
from realtime.local.clients import Clients as LocalClients
from realtime.local.ports import HOST, find_free_port
from realtime.testing.stores import MemoryAssignmentHistory, MemoryDefinitions, MemoryKeys
from tests.support.api_keys import make_key, store_key
from tests.support.calls import list_actions
from tests.support.experiments import experiment, published, published_flag, published_segment
from tests.support.streams import kinesis, purchase

Calls = set[tuple[str, str]]
"""The setting that names the resource, and the action."""
SECRET = "platform-postgres"  # noqa: S105 - its name
VARIANTS: Mapping[str, dict[str, Any]] = {
    "standalone": {"identity": False},
    "existing": {
        "platform": "existing",
        "archive": "firehose",
        "event_dedupe": "table",
        "identity": True,
        "context_sample": 1.0,
        "postgres_secret": SECRET,
    },
}


class Recorder:
    """Records the calls of a botocore session before they are sent."""

    def __init__(self, settings: Settings) -> None:
        names = {getattr(settings, field): field for field in Settings.__dataclass_fields__}
        self._settings = {name: field for name, field in names.items() if isinstance(name, str) and name}
        self._settings[settings.failure_queue] = "failure_queue"
        self.calls: Calls = set()

    def __call__(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        for action, name in list_actions(model.service_model.service_name, model.name, params):
            self.calls.add((self._settings[name], action))


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def settings(variant: str, aws_settings: Settings, aws_clients: LocalClients) -> Settings:
    """Settings that check for new definitions at every look-up."""
    changed = replace(aws_settings, definitions_check=0.0, tracking_linger=0.0, **VARIANTS[variant])
    changed = replace(changed, handler="app.another")  # which does not read snapshots because it had to wait
    return replace(changed, firehose=f"delivery-{aws_settings.archive_bucket}")


@pytest.fixture
def plane(
    settings: Settings, aws_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Plane, Recorder]:
    for name, value in aws_environment.items():
        monkeypatch.setenv(name, value)
    _create_delivery_stream(settings)
    container, recorder = Plane(settings), Recorder(settings)
    container.clients._session.register("provide-client-params", recorder)
    return container, recorder


def _create_delivery_stream(settings: Settings) -> None:
    bucket = {
        "RoleARN": "arn:aws:iam::000000000000:role/r",
        "BucketARN": f"arn:aws:s3:::{settings.archive_bucket}",
    }
    Clients(settings).firehose.create_delivery_stream(
        DeliveryStreamName=settings.firehose, ExtendedS3DestinationConfiguration=bucket
    )


def remaining() -> float:
    return 30.0


def while_definitions_change(settings: Settings, use: Callable[[], object]) -> None:
    """Call ``use`` during an abandoned publish, and after publishes of few definitions and of more.

    The operator publishes: those calls are not the function's and are not recorded.
    """
    clients = Clients(settings)
    store = DefinitionStore(clients, settings)
    asks: Any = {"all": [{"segment": "in-new"}, {"segment": "in-old"}]}
    asks_flags: Any = [{"not": {"flag": name, "variant": "gone"}} for name in ("new", "old")]
    first = [
        published(metrics=["purchase"], when={"all": [asks, *asks_flags]}),
        published_flag("new", rules=[{"when": asks, "serve": "on"}]),
        published_segment("in-new", when=True),
    ]
    everything = [*first, published("pricing"), published_flag("old"), published_segment("in-old", when=True)]
    store.publish(everything, 0, time.time())
    tables: Any = {
        "experiment": settings.experiments_table,
        "flag": settings.flags_table,
        "segment": settings.segments_table,
    }
    many = [*everything, *(published(f"e{number}") for number in range(50))]
    abandoned = Publication(tables, settings.publications_table, 2, 0.0, "").make_transactions(many)
    for writes in itertools.islice(abandoned, 2):
        clients.dynamodb.transact_write_items(TransactItems=writes)
    use()
    for definitions in (first, everything):
        store.publish(definitions, store.get_changes(None).version, time.time())
        use()


def lose_the_tables(plane: Plane) -> None:
    """A new container, which is of one of `DECIDING_HANDLERS`."""

    class Gone(MemoryDefinitions):
        def get_changes(self, _version: int | None) -> Any:
            raise StorageUnavailable

    settings, clients = plane.settings, Clients(plane.settings)
    snapshots = SnapshotStore(clients, settings.archive_bucket)
    snapshots.write(DefinitionStore(clients, settings).take_snapshot, time.time())
    catalog = Catalog(Gone(), plane.metrics, snapshots=plane.snapshots)
    assert catalog.flags.get("new")


def assignment(plane: Plane) -> None:
    def use() -> None:
        plane.assign("u1", "checkout", {})
        plane.assign("u1", "pricing", {})

    while_definitions_change(plane.settings, use)
    plane.assign_many("u2", None, {})
    if plane.settings.identity:
        plane.identify("u1", "u3")
    plane.after_response(5.0)
    lose_the_tables(plane)


def feature_flags(plane: Plane) -> None:
    numbers = itertools.count()

    def use() -> None:
        plane.evaluate("u1", "new", {})
        plane.evaluate("u1", "old", {})
        plane.assigner.assign(f"u{next(numbers)}", "checkout", {}, time.time())  # by a flag that serves it
        plane.assigner.assign("u1", "pricing", {}, time.time())

    while_definitions_change(plane.settings, use)
    list(plane.evaluate_many("u1", None, {}))
    plane.assigner.assign_many("somebody", ["checkout", "old name"], {}, time.time())
    plane.after_response(5.0)
    lose_the_tables(plane)


def ingest(plane: Plane) -> None:
    def use() -> None:
        plane.results("checkout")
        plane.results("pricing")

    while_definitions_change(plane.settings, use)
    use_keys(plane)
    plane.ingest({"events": [purchase(timestamp="2026-11-22T10:00:00Z")]})
    plane.health()


def event_processor(plane: Plane) -> None:
    arrived = time.time()
    now = datetime.fromtimestamp(arrived, UTC).isoformat()
    evaluation: dict[str, Any] = {
        "event_type": "evaluation",
        "flag_key": "new",
        "properties": {"variant": "on"},
    }
    shared_id = [purchase(user, timestamp=now, event_id="1") for user in ("u1", "u2")]
    good = [purchase(timestamp=now), purchase(timestamp=now, **evaluation), *shared_id]
    poison = [b"not JSON", b"x" * (MAX_BYTES // 2)]  # the second is too large for a message
    if plane.settings.identity:
        good.append(purchase(timestamp=now, event_type="$identify", properties={"anonymous_id": "a"}))
    numbers = itertools.count(0, 10)

    def use() -> None:
        plane.process(kinesis([*good, *poison], start=next(numbers), arrived=arrived), remaining)

    while_definitions_change(plane.settings, use)
    for days in (2, 20):  # counters are folded, and their positions are deleted later
        plane.clock = partial(_look_ahead, days)
        use()


def _look_ahead(days: float) -> float:
    return time.time() + days * 86_400


def assignment_sync(plane: Plane) -> None:
    image = {
        "id": {"S": "checkout#u1"},
        "user_id": {"S": "u1"},
        "assignment_id": {"S": "a1"},
        "experiment_key": {"S": "checkout"},
        "experiment_id": {"S": "checkout"},
        "variant": {"S": "control"},
        "timestamp": {"S": "2026-11-22T10:30:00.000Z"},
    }
    numbers = itertools.count(1)

    def sync(**fields: Any) -> None:
        record = {
            "eventName": "INSERT",
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/a/stream/2026",
            "dynamodb": {"SequenceNumber": str(next(numbers)), "NewImage": image | fields},
        }
        plane.clock = lambda: time.time() + 3600 * next(numbers)  # the sample-ratio test is due again
        plane.sync({"Records": [record], "shardId": "shardId-1"}, remaining)

    while_definitions_change(plane.settings, sync)
    listen(plane.settings, "split_alarm")
    plane.split_alarms.announce(experiment("told"), 0.0, time.time())

    class Full:
        def send(self, bodies: Sequence[str]) -> list[bool]:
            return [False for _ in bodies]

    marks = AlarmMarkStore(plane.clients, plane.settings.counters_table)
    untold = SplitAlarms(replace(plane.webhooks, queue=Full()), marks)
    untold.announce(experiment("untold"), 0.0, time.time())
    if plane.settings.postgres_secret:  # the secret that it asked for does not exist
        plane.history = MemoryAssignmentHistory()
        del plane.assignment_sync
        for refused in ("a\0b", "\0" * (MAX_BYTES // 2)):  # the second is too large for a message
            sync(user_id={"S": refused})


def listen(settings: Settings, *events: str) -> Webhook:
    """The operator's webhook, at an address where nobody answers."""
    url = f"http://{HOST}:{find_free_port()}/"
    webhook = Webhook(1, url, events, "whsec_a", "2026-11-22T10:00:00Z")
    WebhookStore(Clients(settings), settings.publications_table).add(webhook)
    return webhook


def webhooks(plane: Plane) -> None:
    webhook = listen(plane.settings, "kill")
    message = json.dumps({"webhook": webhook.id, "body": '{"id": "d_1"}'})
    answer = plane.deliver_webhooks({"Records": [{"messageId": "m", "body": message}]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m"}]}


def use_keys(plane: Plane) -> None:
    KeyStore(Clients(plane.settings), plane.settings.keys_table).put(store_key("events", name="known"))
    plane.authorize_key(make_key("known"))
    for number in range(GUESSES + 1):
        plane.authorize_key(make_key(f"guess-{number}"))
    plane.after_response(5.0)
    lose_the_keys(plane)


def lose_the_keys(plane: Plane) -> None:
    """A new container."""

    class Gone(MemoryKeys):
        def get(self, _: str) -> Any:
            raise StorageUnavailable

    known = store_key("events", name="known")
    snapshots = KeySnapshotStore(Clients(plane.settings), plane.settings.archive_bucket)
    snapshots.write(lambda: [known], time.time())
    plane.keys = Gone()
    for name in ("authorizer", "key_fallback"):
        vars(plane).pop(name, None)
    assert plane.authorize_key(make_key("known")).routes


def authorizer(plane: Plane) -> None:
    use_keys(plane)


def admin(plane: Plane) -> None:
    """Every route of the management API, and what publishing does on bad days."""
    settings, store = plane.settings, plane.definitions
    listen(settings, "publication", "kill", "proposal")
    explained = {"key": "checkout", "kind": "experiment", "user_id": "u1"}

    def read() -> None:
        for kind, key in (("experiment", "checkout"), ("flag", "new"), ("segment", "in-new")):
            ask_admin(plane, "GET /admin/definitions/{kind}/{key}", kind=kind, key=key)
            ask_admin(plane, "GET /admin/definitions/{kind}/{key}/history", kind=kind, key=key)
        for key in ("checkout", "pricing"):
            ask_admin(plane, "GET /admin/experiments/{key}/results", key=key)
            ask_admin(plane, "POST /admin/explain", {**explained, "key": key})
        ask_admin(plane, "POST /admin/explain", {**explained, "kind": "flag", "key": "new"})

    while_definitions_change(settings, read)
    valid = [published(), published_flag("new"), published_flag("old")]  # also what a check finds
    operator = DefinitionStore(Clients(settings), settings)
    operator.publish(valid, operator.get_changes(None).version, time.time())
    plane.clock = lambda: time.time() + 2 * CLAIM_SECONDS  # what is published takes an abandoned one back
    experiment, variants = {"key": "sale", "status": "active"}, [{"key": "a", "allocation": 1}]
    flags: Any = [{"key": f"f{number}", "type": "boolean"} for number in range(60)]
    changes: Any = [
        {"flags": [{"key": "dark", "type": "boolean", "enabled": True}]},
        {"flags": flags, "experiments": [{**experiment, "variants": variants}]},
        {"segments": [{"key": "all", "when": True}]},
    ]
    for definitions in changes:
        change(plane, "POST /admin/publish", {"definitions": definitions})
    change(plane, "POST /admin/rollback", {"version": store.get_changes(None).version - 1})
    ask_admin(plane, "POST /admin/validate", {"definitions": changes[0]})
    ask_admin(plane, "POST /admin/diff", {"definitions": changes[0]})
    ask_admin(plane, "POST /admin/flags/{key}/kill", {"reason": "a test"}, key="dark")
    ask_admin(plane, "POST /admin/flags/{key}/undo-kill", {}, key="dark")
    for decision in ("approve", "reject"):
        flag = {"key": decision, "type": "boolean"}
        proposed = change(plane, "POST /admin/proposals", {"definitions": {"flags": [flag]}})
        named = {"proposal_id": proposed["proposal"]}
        ask_admin(plane, "GET /admin/proposals/{proposal_id}", **named)
        path = f"POST /admin/proposals/{{proposal_id}}/{decision}"
        ask_admin(plane, path, {"note": "x"}, who="another", **named)
    made = ask_admin(plane, "POST /admin/keys", {"label": "a", "scopes": ["flags"]})
    ask_admin(plane, "POST /admin/keys/{key_id}/revoke", {}, key_id=made["id"])
    wanted = {"url": f"http://{HOST}:{find_free_port()}/", "events": ["kill"]}
    added = ask_admin(plane, "POST /admin/webhooks", wanted)["id"]
    ask_admin(plane, "POST /admin/webhooks/{webhook_id}/test", {}, webhook_id=added)
    ask_admin(plane, "DELETE /admin/webhooks/{webhook_id}", webhook_id=added)
    plane.write_key_snapshot(time.time() + 2 * KEPT_SECONDS)  # deletes those that nobody needs any more
    ask_admin(plane, "GET /admin/publications/{version}", version="1")
    for name in (
        "actions",
        "keys",
        "proposals",
        "publications",
        "quarantine",
        "stale-flags",
        "status",
        "webhooks",
    ):
        ask_admin(plane, f"GET /admin/{name}")
    for path in ("GET /admin", "GET /admin/definitions"):
        ask_admin(plane, path)
    ask_admin(plane, "GET /admin/experiments/{key}/analysis", key="sale", expect=404)
    assert {f"{route.method} {route.path}" for route in ROUTES} == ASKED


ASKED: set[str] = set()


def change(plane: Plane, route: str, body: dict[str, Any]) -> Any:
    version = plane.definitions.get_changes(None).version
    return ask_admin(plane, route, {"reason": "a test"} | body, if_match=f'"{version}"')


def ask_admin(
    plane: Plane,
    route: str,
    body: Any = None,
    *,
    who: str = "somebody",
    if_match: str = "",
    expect: int | None = None,
    **path: str,
) -> Any:
    """The answer of the route, as the function gives it to a gateway."""
    [named] = [each for each in ROUTES if f"{each.method} {each.path}" == route]
    access = grant(who, ("admin",), who)
    authorizer = {"principalId": access.principal, **make_auth_context(access)}
    sent = None if body is None else json.dumps(body)
    event = build_gateway_event(named.method, named.path, sent, authorizer=authorizer)
    event["headers"]["if-match"] = if_match
    response = named.answer(Request(event, None), plane, **path)
    assert response.status_code == expect or (expect is None and response.status_code < 300), response.body
    ASKED.add(route)
    return json.loads(response.body)


USES: Mapping[FunctionName, Callable[[Plane], None]] = {
    "assignment": assignment,
    "feature_flags": feature_flags,
    "ingest": ingest,
    "event_processor": event_processor,
    "assignment_sync": assignment_sync,
    "authorizer": authorizer,
    "webhooks": webhooks,
    "admin": admin,
}


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_a_role_has_what_its_function_calls_and_nothing_more(
    plane: tuple[Plane, Recorder], variant: str, name: FunctionName
) -> None:
    container, recorder = plane
    USES[name](container)
    assert recorder.calls == _list_allowed(name, variant)


@pytest.mark.parametrize("variant", ["standalone"], indirect=True)
def test_behind_an_http_api_the_functions_that_callers_ask_may_read_keys_too(
    plane: tuple[Plane, Recorder], variant: str
) -> None:
    container, recorder = plane
    use_keys(container)
    for name in LOGICAL_IDS:
        before = _list_allowed(name, variant)
        reads_keys = name in ("assignment", "feature_flags", "ingest", "admin")
        assert _list_allowed(name, variant, "http") == (before | recorder.calls if reads_keys else before)


def _list_allowed(name: FunctionName, variant: str, api: Api = "rest") -> Calls:
    is_existing = variant == "existing"
    platform: Platform = "existing" if is_existing else "standalone"
    given = replace(get_platform_defaults("dev"), postgres_secret=SECRET) if is_existing else None
    changed = {f"REALTIME_{name.upper()}": str(value).lower() for name, value in VARIANTS[variant].items()}
    environment = replace(environments.load("dev"), settings=changed, api=api)
    allowed = list_calls(name, environment, resolve_names("dev", platform, given))
    return {(setting, action) for setting, actions in allowed.items() for action in actions}


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_a_policy_names_each_resource(name: FunctionName) -> None:
    names = resolve_names("prod", "standalone")
    for statement in build_statements(name, environments.load("prod"), names, "arn:log"):
        assert not any("*" in action for action in statement["Action"])
        if statement["Resource"] == ["*"]:  # these have no resources
            assert all(action.startswith(("xray:", "cloudwatch:")) for action in statement["Action"])


def test_of_the_bucket_a_function_reads_the_snapshots_that_it_needs_and_writes_none() -> None:
    names, parts = resolve_names("prod", "standalone"), ("/definitions/*", "/keys/*")
    snapshots = [names.get_arn("archive_bucket", part) for part in parts]
    for api, name, allowed in (
        ("rest", "authorizer", parts[1:]),
        ("rest", "ingest", parts[1:]),
        ("rest", "feature_flags", parts[:1]),
        ("http", "feature_flags", parts),
        ("http", "assignment", parts),
        ("rest", "event_processor", ()),
    ):
        environment = replace(environments.load("prod"), api=api, waf=False)  # type: ignore[arg-type]
        statements = build_statements(name, environment, names, "arn:log")  # type: ignore[arg-type]
        found = [each for each in statements if any(arn in each["Resource"] for arn in snapshots)]
        assert [(each["Action"], each["Resource"]) for each in found] == [
            (["s3:GetObject"], [names.get_arn("archive_bucket", part) for part in allowed])
        ][: len(allowed)]


def test_a_function_writes_nothing_about_a_key_but_its_last_use() -> None:
    names = resolve_names("prod", "standalone")
    table = names.get_arn("keys_table")
    for name in ("authorizer", "ingest"):
        statements = build_statements(name, environments.load("prod"), names, "arn:log")
        (writing,) = (
            statement
            for statement in statements
            if table in statement["Resource"] and {"dynamodb:UpdateItem"} & {*statement["Action"]}
        )
        assert writing["Condition"]["ForAllValues:StringEquals"] == {
            "dynamodb:Attributes": ["id", "last_used"]
        }
        assert writing["Action"] == ["dynamodb:UpdateItem"]


def test_the_sync_may_put_nothing_into_the_counters_but_that_an_alarm_was_told() -> None:
    names = resolve_names("prod", "standalone")
    statements = build_statements("assignment_sync", environments.load("prod"), names, "arn:log")
    counters = [each for each in statements if names.get_arn("counters_table") in each["Resource"]]
    assert [(each["Action"], each.get("Condition")) for each in counters] == [
        (
            ["dynamodb:DeleteItem", "dynamodb:PutItem"],
            {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["$split/*"]}},
        ),
        (["dynamodb:Query", "dynamodb:UpdateItem"], None),
    ]
    asked: list[dict[str, Any]] = []
    client = SimpleNamespace(
        put_item=lambda **call: asked.append(call["Item"]),
        delete_item=lambda **call: asked.append(call["Key"]),
    )
    marks = AlarmMarkStore(cast(Any, SimpleNamespace(dynamodb=client)), "counters")
    marks.add("e/1")
    marks.remove("e/1")
    assert [item["id"]["S"] for item in asked] == ["$split/e/1"] * 2
