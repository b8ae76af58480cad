"""A container of the service behind a proxy that makes AWS fail, and a caller of all its routes."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

import app as application
from chalicelib.domain.keys import SCOPES, ApiKey, digest
from chalicelib.services.definitions.catalog import Catalog
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.key_snapshots import KeySnapshotStore
from chalicelib.stores.keys import KeyStore
from chalicelib.stores.snapshots import SnapshotStore
from chalicelib.wiring import Plane
from realtime.local.front import build_gateway
from realtime.testing.stores import MemoryMetrics
from tests.support.experiments import published, published_flag, published_segment
from tests.support.proxy import Call, FaultProxy

KEY = "rt_" + "k" * 40
PURCHASE = {"event_id": "e", "event_type": "purchase", "user_id": "u1", "timestamp": "2026-11-26T10:00:00Z"}
USER = {"user_id": "u1", "context": {"country": "DE"}}
OPENFEATURE = {"context": {"targetingKey": "u1", "country": "DE"}}
FLAGS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "flag": ("POST", "/flags/evaluate", {**USER, "flag_key": "on"}),
    "flag by query": ("GET", "/flags/evaluate?user_id=u1&flag_key=on", None),
    "flag by alias": ("POST", "/flags/evaluate", {**USER, "flag_key": "also-on"}),
    "flag with a segment": ("POST", "/flags/evaluate", {**USER, "flag_key": "targeted"}),
    "flags": ("POST", "/flags/evaluate/batch", USER),
    "OpenFeature": ("POST", "/ofrep/v1/evaluate/flags/on", OPENFEATURE),
    "OpenFeature, all": ("POST", "/ofrep/v1/evaluate/flags", OPENFEATURE),
    "Evidently": ("POST", "/evidently/projects/p/evaluations/on", {"entityId": "u1"}),
}
"""Routes that need nothing but definitions and a key."""
OTHERS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "assign": ("POST", "/assign", {**USER, "experiment_key": "checkout"}),
    "assign by query": ("GET", "/assign?user_id=u1&experiment_key=checkout", None),
    "assign all": ("POST", "/assign/batch", USER),
    "identify": ("POST", "/identify", {"anonymous_id": "a1", "user_id": "u1"}),
    "results": ("GET", "/experiments/checkout/results", None),
    "events": ("POST", "/events", PURCHASE),
}
"""Routes that need a table or the stream as well."""


class Outage:
    """``fault`` is what happens to calls of DynamoDB: a fault of the proxy, or seconds more."""

    def __init__(self, proxy: FaultProxy, settings: Settings, direct: Clients) -> None:
        self.proxy, self.settings, self.direct = proxy, settings, direct
        self.fault: str | float = ""
        self.calls = 0
        proxy.decide = self._decide

    def _decide(self, call: Call) -> str:
        if not call.operation.startswith("DynamoDB"):
            return ""
        self.calls += 1
        if isinstance(self.fault, float):
            time.sleep(self.fault)
            return ""
        return self.fault

    def publish(self, *, is_on: bool = True) -> None:
        """As an operator does, whom the proxy does not disturb."""
        definitions = [
            published_flag("on", alias="also-on", enabled=is_on),
            published_flag("targeted", rules=[{"when": {"segment": "germans"}, "serve": "on"}]),
            published_segment("germans", when={"if": "country", "in": ["DE"]}),
            published("checkout", status="active" if is_on else "paused"),
        ]
        store = DefinitionStore(
            self.direct,
            self.settings,
            None,
            SnapshotStore(self.direct, self.settings.archive_bucket),
            lambda now: self.key_snapshots.write(self.keys.get_all, now),
        )
        store.publish(definitions, store.get_newest_version(), time.time())

    def create_key(self, revoked: str | None = None) -> None:
        """In the table only."""
        key = ApiKey(digest(KEY), "test", tuple(SCOPES), "2026-01-01T00:00:00Z", revoked)
        self.keys.put(key)

    @property
    def keys(self) -> KeyStore:
        return KeyStore(self.direct, self.settings.keys_table)

    @property
    def key_snapshots(self) -> KeySnapshotStore:
        return KeySnapshotStore(self.direct, self.settings.archive_bucket)


class Container:
    """One that has not answered yet. ``idle`` seconds have gone by in addition to those of the clock.

    ``knows_key``: as behind API Gateway, which keeps the authorizer's verdict.
    """

    def __init__(self, outage: Outage, *, knows_key: bool) -> None:
        self.idle = 0.0
        self.metrics = MemoryMetrics()
        settings = replace(outage.settings, demo_key=KEY if knows_key else "")
        self.plane = plane = Plane(settings, metrics=self.metrics)
        plane.catalog = Catalog(
            plane.definitions,
            self.metrics,
            snapshots=plane.snapshots,
            timer=lambda: time.monotonic() + self.idle,
        )
        authorizer, fallback = plane.authorizer, plane.key_fallback
        for timed in (authorizer, authorizer._wait, fallback):
            timed._timer = lambda: time.monotonic() + self.idle
        authorizer._clock = fallback._clock = lambda: time.time() + self.idle
        self._gateway = build_gateway(application.app, "http")

    def ask(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", "Host": "x"}
        sent = None if body is None else json.dumps(body).encode()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(application, "plane", lambda: self.plane)
            answer = self._gateway.answer(method, path, headers, sent)
        return answer.status, json.loads(answer.body or b"null")

    def ask_all(self, routes: dict[str, tuple[str, str, dict[str, Any] | None]]) -> dict[str, Any]:
        return {name: self.ask(*request) for name, request in routes.items()}

    def is_on(self) -> bool | None:
        """Whether the flag is; None for an honest error."""
        status, answer = self.ask(*FLAGS["flag"])
        if status >= 500 or status == 429:
            assert answer["error"]["code"] in ("storage_unavailable", "throttled"), answer
            return None
        assert status == 200, answer
        enabled: bool = answer["enabled"]
        return enabled


@contextmanager
def make_outage(
    environment: dict[str, str], settings: Settings, direct: Clients
) -> Iterator[tuple[Outage, Callable[..., Container]]]:
    """Containers reach AWS through the proxy. Their credentials and region are those of ``environment``."""
    upstream = int(environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
    with FaultProxy(upstream) as proxy, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{proxy.port}")
        outage = Outage(proxy, settings, direct)
        yield outage, lambda knows_key=False: Container(outage, knows_key=knows_key)
