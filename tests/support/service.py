"""The whole application over stores in memory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

import app as application
from chalicelib import wiring
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.services.admin.webhooks import WebhookService
from chalicelib.settings import Settings
from realtime.local.front import Front
from realtime.local.server import serve
from realtime.testing.event_stores import MemoryCounters, MemoryEventStream
from realtime.testing.proposals import MemoryProposals
from realtime.testing.stores import (
    MemoryAssignments,
    MemoryAuditTrail,
    MemoryDefinitions,
    MemoryKeys,
    MemoryKeySnapshots,
    MemoryMetrics,
)
from realtime.testing.webhooks import MemoryQueue, MemorySender, MemoryWebhooks
from tests.support.api_keys import make_key, store_key

KEY = "rt_local_demo"
WITHOUT_SCOPES = make_key("without-scopes")


@dataclass(slots=True)
class Service:
    """app.py uses ``plane``, which uses these stores."""

    settings: Settings
    definitions: MemoryDefinitions = field(default_factory=MemoryDefinitions)
    assignments: MemoryAssignments = field(default_factory=MemoryAssignments)
    stream: MemoryEventStream = field(default_factory=MemoryEventStream)
    keys: MemoryKeys = field(default_factory=MemoryKeys)
    metrics: MemoryMetrics = field(default_factory=MemoryMetrics)
    counters: MemoryCounters = field(default_factory=MemoryCounters)
    proposals: MemoryProposals = field(default_factory=MemoryProposals)
    actions: MemoryAuditTrail = field(default_factory=MemoryAuditTrail)
    webhooks: MemoryWebhooks = field(default_factory=MemoryWebhooks)
    webhook_queue: MemoryQueue = field(default_factory=MemoryQueue)
    plane: wiring.Plane = field(init=False)

    def __post_init__(self) -> None:
        self.plane = wiring.Plane(
            self.settings,
            definitions=self.definitions,
            assignments=self.assignments,
            stream=self.stream,
            keys=self.keys,
            key_snapshots=MemoryKeySnapshots(),
            metrics=self.metrics,
            counters=self.counters,
            proposals=self.proposals,
            actions=self.actions,
        )
        env, clock = self.settings.env, self.plane.clock
        self.plane.webhooks = WebhookService(env, self.webhooks, self.webhook_queue, MemorySender(), clock)

    def publish_flag(self, key: str, **fields: Any) -> None:
        text = json.dumps({"key": key, **fields})
        self.definitions.publish(
            [DefinitionRow("flag", key, text, "active")], self.definitions.get_changes(None).version, 0.0
        )


@contextmanager
def run_service(settings: Settings | None = None, **stores: Any) -> Iterator[Service]:
    """app.py uses the service until the block ends. ``stores`` replace the empty ones. Blocks may nest."""
    service = Service(settings or Settings.from_env({}), **stores)
    service.keys.put(store_key(name="without-scopes"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "plane", lambda: service.plane)
        yield service


@contextmanager
def serve_service(
    settings: Settings | None = None, front: Front = "rest", **stores: Any
) -> Iterator[tuple[str, Service]]:
    """`run_service`, with its URL."""
    with run_service(settings, **stores) as service, serve(application.app, front=front) as url:
        yield url, service
