"""Gives services of events and of messages their stores, as `service_wiring` does for decisions."""

from __future__ import annotations

import time
import uuid
from functools import cached_property
from math import isfinite
from typing import TYPE_CHECKING

from chalicelib.service_wiring import DecisionServices

if TYPE_CHECKING:
    from chalicelib.domain.stream.event import Limits
    from chalicelib.domain.stream.event_ids import EventIds
    from chalicelib.services.admin.split_alarms import SplitAlarms
    from chalicelib.services.admin.webhooks import WebhookService
    from chalicelib.services.events.assignment_sync import AssignmentSync
    from chalicelib.services.events.folding import CounterFolder
    from chalicelib.services.events.ingest import Ingest
    from chalicelib.services.events.judge import Judge
    from chalicelib.services.events.processor import EventProcessor


class Services(DecisionServices):
    """All services and stores of one container."""

    @cached_property
    def ingestion(self) -> Ingest:
        from chalicelib.services.events.ingest import Ingest

        return Ingest(self.stream, self.limits, lambda: str(uuid.uuid4()), time.sleep)

    @cached_property
    def event_processor(self) -> EventProcessor:
        from chalicelib.services.events.processor import EventProcessor

        return EventProcessor(
            judge=self.judge,
            counters=self.counters,
            archive=self.archive,
            quarantine=self.quarantine,
            parallel=self.parallel,
            metrics=self.metrics,
            limits=self.limits,
        )

    @cached_property
    def event_ids(self) -> EventIds | None:
        """None unless the settings keep event ids in a table."""
        if self.settings.event_dedupe != "table":
            return None
        from chalicelib.stores.event_ids import EventIdStore

        return self.watch("event_ids", EventIdStore(self.clients, self.settings.dedupe_table))

    @cached_property
    def counter_folder(self) -> CounterFolder:
        from chalicelib.services.events.folding import CounterFolder

        return CounterFolder(self.counters, self.catalog.experiments, self.catalog.flags)

    @cached_property
    def judge(self) -> Judge:
        from chalicelib.services.events.deduplication import Deduplicator
        from chalicelib.services.events.event_types import EventTypeLimiter
        from chalicelib.services.events.experiment_versions import ExperimentVersions
        from chalicelib.services.events.judge import Judge
        from chalicelib.stores.event_types import EventTypeStore

        settings = self.settings
        event_types = self.watch("event_types", EventTypeStore(self.clients, settings.counters_table))
        return Judge(
            versions=ExperimentVersions(self.catalog.experiments, self.definitions, self.limits.max_age),
            flags=self.catalog.flags,
            assignments=self.assignments,
            verdicts=self.verdicts,
            deduplicator=Deduplicator(self.event_ids, self.parallel, settings.event_dedupe_ttl),
            event_types=EventTypeLimiter(event_types, settings.event_types_max, self.metrics),
            parallel=self.parallel,
            limits=self.limits,
            metrics=self.metrics,
            identifier=self.identifier,
        )

    @cached_property
    def assignment_sync(self) -> AssignmentSync:
        from chalicelib.services.events.assignment_sync import AssignmentSync
        from chalicelib.services.events.srm import SampleRatioMonitor

        sample_ratio = SampleRatioMonitor(
            self.catalog.experiments,
            self.counters,
            self.definitions,
            self.metrics,
            lambda *alarm: self.split_alarms.announce(*alarm),  # noqa: PLW0108 - made for the first alarm
        )
        return AssignmentSync(
            self.counters, self.parallel, sample_ratio, self.history, self.quarantine, self.metrics
        )

    @cached_property
    def webhooks(self) -> WebhookService:
        from chalicelib.services.admin.webhooks import WebhookService
        from chalicelib.stores.message_queue import MessageQueue
        from chalicelib.stores.webhook_sender import WebhookSender
        from chalicelib.stores.webhooks import WebhookStore

        settings = self.settings
        store = self.watch("webhooks", WebhookStore(self.clients, settings.publications_table))
        queue = self.watch("webhooks", MessageQueue(self.clients, settings.webhook_queue))
        sender = WebhookSender(is_local=settings.env == "local")
        return WebhookService(settings.env, store, queue, sender, self.clock, self.parallel)

    @cached_property
    def split_alarms(self) -> SplitAlarms:
        from chalicelib.services.admin.split_alarms import SplitAlarms
        from chalicelib.stores.alarm_marks import AlarmMarkStore

        marks = self.watch("counters", AlarmMarkStore(self.clients, self.settings.counters_table))
        return SplitAlarms(self.webhooks, marks)

    @cached_property
    def limits(self) -> Limits:
        from chalicelib.domain.stream.event import Limits

        settings = self.settings
        max_age = settings.event_max_age
        replay_age = max_age if isfinite(max_age) else Limits().replay_age
        return Limits(max_age, settings.event_max_future, replay_age, settings.event_clock_tolerance)
