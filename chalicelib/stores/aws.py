"""The stores of one container on AWS, each imported and made when it is first used."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict, TypeVar, Unpack

from chalicelib.metrics import Metrics, MetricsRecorder
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.resilience import record_breaker

if TYPE_CHECKING:
    from chalicelib.domain.audit import AuditTrail
    from chalicelib.domain.definitions.model import Definitions
    from chalicelib.domain.identity import Identities
    from chalicelib.domain.key_snapshot import KeySnapshots
    from chalicelib.domain.keys import Keys
    from chalicelib.domain.proposals import Proposals
    from chalicelib.domain.recent_contexts import RecentContexts
    from chalicelib.domain.stream.archive import Archive
    from chalicelib.domain.stream.assignment_history import History
    from chalicelib.domain.stream.counters import Counters
    from chalicelib.domain.stream.outgoing import Stream
    from chalicelib.domain.stream.quarantine import Quarantine
    from chalicelib.domain.stream.verdicts import VerdictLog
    from chalicelib.stores.analyses import AnalysisStore
    from chalicelib.stores.snapshots import SnapshotStore

T = TypeVar("T")


class Replacements(TypedDict, total=False):
    """What a test or a benchmark uses instead of AWS."""

    clients: Clients
    metrics: MetricsRecorder
    definitions: Definitions
    snapshots: SnapshotStore
    key_snapshots: KeySnapshots
    assignments: Identities
    counters: Counters
    verdicts: VerdictLog
    history: History | None
    keys: Keys
    proposals: Proposals
    recent_contexts: RecentContexts
    stream: Stream
    archive: Archive
    quarantine: Quarantine
    actions: AuditTrail
    analyses: AnalysisStore


class AwsStores:
    """``clock`` is epoch seconds. Each of ``replacements`` is used in place of the store of its name."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.time, **replacements: Unpack[Replacements]
    ) -> None:
        self.settings = settings
        self.clock = clock
        for name, store in replacements.items():
            setattr(self, name, store)

    def watch(self, name: str, store: T) -> T:
        """``store``, whose breaker is recorded under ``name``, one of `alarms.BREAKERS`."""
        return record_breaker(store, name, self.metrics)

    @cached_property
    def clients(self) -> Clients:
        return Clients(self.settings)

    @cached_property
    def metrics(self) -> MetricsRecorder:
        settings = self.settings
        metrics = Metrics(
            settings.env,
            settings.function,
            settings.metrics_interval,
            self.clock,
            print,
            version=settings.function_version,
            budget=settings.answer_budget,
        )
        if settings.initialization != "provisioned-concurrency":  # there, nobody waits for it
            metrics.record("ColdStarts")
        return metrics

    @cached_property
    def definitions(self) -> Definitions:
        from chalicelib.stores.definitions import DefinitionStore

        store = DefinitionStore(
            self.clients, self.settings, self.metrics, self.snapshots, self.write_key_snapshot
        )
        return self.watch("definitions", store)

    @cached_property
    def snapshots(self) -> SnapshotStore:
        from chalicelib.stores.snapshots import SnapshotStore

        return self.watch("snapshots", SnapshotStore(self.clients, self.settings.archive_bucket))

    @cached_property
    def key_snapshots(self) -> KeySnapshots:
        from chalicelib.stores.key_snapshots import KeySnapshotStore

        return self.watch("snapshots", KeySnapshotStore(self.clients, self.settings.archive_bucket))

    def write_key_snapshot(self, now: float) -> bool:
        """Whether it is new. Raises StorageUnavailable, Throttled or InvalidInput."""
        return self.key_snapshots.write(self.keys.get_all, now)

    @cached_property
    def assignments(self) -> Identities:
        from chalicelib.stores.assignments import AssignmentStore

        return self.watch("assignments", AssignmentStore(self.clients, self.settings))

    @cached_property
    def counters(self) -> Counters:
        from chalicelib.stores.counters import CounterStore

        return self.watch("counters", CounterStore(self.clients, self.settings.counters_table))

    @cached_property
    def verdicts(self) -> VerdictLog:
        from chalicelib.stores.verdicts import VerdictStore

        return self.watch("verdicts", VerdictStore(self.clients, self.settings.counters_table))

    @cached_property
    def history(self) -> History | None:
        """None unless the settings name a PostgreSQL."""
        settings = self.settings
        if not (settings.postgres_secret or settings.postgres_url):
            return None
        from chalicelib.stores.postgres import AssignmentHistory

        return self.watch("postgres", AssignmentHistory(self.clients, settings))

    @cached_property
    def keys(self) -> Keys:
        from chalicelib.stores.keys import KeyStore

        return self.watch("keys", KeyStore(self.clients, self.settings.keys_table))

    @cached_property
    def proposals(self) -> Proposals:
        from chalicelib.stores.proposals import ProposalStore

        return self.watch("proposals", ProposalStore(self.clients, self.settings.publications_table))

    @cached_property
    def recent_contexts(self) -> RecentContexts:
        from chalicelib.stores.recent_contexts import RecentContextStore

        return self.watch("contexts", RecentContextStore(self.clients, self.settings.contexts_table))

    @cached_property
    def stream(self) -> Stream:
        from chalicelib.stores.stream import EventStream

        return self.watch("stream", EventStream(self.clients, self.settings.event_stream))

    @cached_property
    def archive(self) -> Archive:
        from chalicelib.stores.archive import FirehoseArchive, NoArchive, S3Archive

        if self.settings.archive == "firehose":
            return self.watch("archive", FirehoseArchive(self.clients, self.settings.firehose))
        if self.settings.archive == "none":
            return NoArchive()
        return self.watch("archive", S3Archive(self.clients, self.settings.archive_bucket))

    @cached_property
    def actions(self) -> AuditTrail:
        """What operators do through the management API."""
        from chalicelib.stores.audit import TableAuditTrail

        return TableAuditTrail(self.clients, self.settings.publications_table, "admin")

    @cached_property
    def analyses(self) -> AnalysisStore:
        from chalicelib.stores.analyses import AnalysisStore

        return AnalysisStore(self.clients, self.settings.archive_bucket)

    @cached_property
    def quarantine(self) -> Quarantine:
        from chalicelib.stores.quarantine import QuarantineQueue

        settings = self.settings
        queue = QuarantineQueue(self.clients, settings.quarantine_queue, settings.archive_bucket)
        return self.watch("quarantine", queue)
