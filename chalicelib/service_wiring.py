"""Gives services their stores, here only. Each is imported and made when it is first used."""

from __future__ import annotations

import time
from functools import cached_property, partial
from typing import TYPE_CHECKING

from chalicelib.stores.aws import AwsStores

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.services.assign import Assigner
    from chalicelib.services.assignment_cache import AssignmentCache
    from chalicelib.services.authorize import Authorizer
    from chalicelib.services.concurrency import Parallel
    from chalicelib.services.context_sampler import ContextSampler
    from chalicelib.services.definitions.catalog import Catalog
    from chalicelib.services.definitions.client_definitions import ClientDefinitions
    from chalicelib.services.definitions.platform_overrides import PlatformOverrides
    from chalicelib.services.evaluate import FlagEvaluator
    from chalicelib.services.evaluation_time import RequestTime
    from chalicelib.services.events.tracker import Tracker
    from chalicelib.services.identify import Identifier
    from chalicelib.services.key_fallback import KeyFallback
    from chalicelib.services.key_uses import KeyUses
    from chalicelib.services.linked_users import LinkedUsers

DAY = 86_400.0
DECIDING_HANDLERS = ("", "app.assignment", "app.feature_flags")
"""Those that may decide by a snapshot; the first is on this machine. What counts events waits for the tables.
"""


class DecisionServices(AwsStores):
    """What decides, and who may ask."""

    @cached_property
    def catalog(self) -> Catalog:
        from chalicelib.services.definitions.catalog import Catalog

        settings = self.settings
        return Catalog(
            self.definitions,
            self.metrics,
            snapshots=self.snapshots if settings.handler in DECIDING_HANDLERS else None,
            ttl=settings.definitions_ttl,
            check=settings.definitions_check,
            max_entries=settings.definitions_max,
        )

    @cached_property
    def platform_overrides(self) -> PlatformOverrides | None:
        settings = self.settings
        if settings.platform == "standalone":
            return None
        from chalicelib.services.definitions.platform_overrides import PlatformOverrides
        from chalicelib.stores.overrides import OverrideStore

        store = self.watch("overrides", OverrideStore(self.clients, settings.overrides_table, self.metrics))
        return PlatformOverrides(store, self.metrics, self.clock)

    @cached_property
    def identifier(self) -> Identifier | None:
        """None unless the settings turn identity on."""
        settings = self.settings
        if not settings.identity:
            return None
        from chalicelib.services.identify import Identifier

        return Identifier(self.catalog.experiments, self.assignments, settings.assignment_ttl_days * DAY)

    @cached_property
    def assignment_cache(self) -> AssignmentCache:
        from chalicelib.services.assignment_cache import AssignmentCache

        return AssignmentCache(self.settings.assignment_cache)

    @cached_property
    def linked_users(self) -> LinkedUsers | None:
        if self.identifier is None:
            return None
        from chalicelib.services.linked_users import LinkedUsers

        size = self.settings.assignment_cache
        return LinkedUsers(self.assignments, self.assignment_cache, self.identifier.merge, size)

    @cached_property
    def assigner(self) -> Assigner:
        from chalicelib.services.assign import Assigner
        from chalicelib.services.assignment_decider import AssignmentDecider
        from chalicelib.services.assignment_writer import AssignmentWriter

        settings, overrides, catalog = self.settings, self.platform_overrides, self.catalog
        decider = AssignmentDecider(
            catalog.experiments,
            catalog.segments,
            catalog.flags,
            overrides.apply if overrides else None,
            self.assignments,
            self.assignment_cache,
        )
        return Assigner(
            catalog.experiments,
            decider,
            self.assignments,
            self.assignment_cache,
            AssignmentWriter(self.assignments, settings.assignment_ttl_days * DAY),
            self.tracker,
            self.metrics,
            self.parallel,
            self.linked_users,
            self.new_evaluation_time,
        )

    @cached_property
    def flag_evaluator(self) -> FlagEvaluator:
        from chalicelib.services.evaluate import FlagEvaluator

        tracker = self.tracker if self.settings.tracking else None
        return FlagEvaluator(
            self.catalog.flags,
            self.catalog.segments,
            tracker.buffer if tracker else None,
            self.assigner,
            self.tracker,
            self.new_evaluation_time,
        )

    @cached_property
    def client_definitions(self) -> ClientDefinitions:
        from chalicelib.services.definitions.client_definitions import ClientDefinitions

        return ClientDefinitions(
            self.catalog, self.settings.tracking_dedupe if self.settings.tracking else None
        )

    @cached_property
    def new_evaluation_time(self) -> Callable[[], RequestTime]:
        from chalicelib.services.evaluation_time import RequestTime

        return partial(RequestTime, self.settings.evaluation_seconds)

    @cached_property
    def tracker(self) -> Tracker:
        from chalicelib.services.events.tracker import Tracker

        return Tracker(
            self.stream if self.settings.tracking else None,
            lambda result: self.assigner.store_again(result),  # noqa: PLW0108 - the assigner needs a tracker itself
            self.metrics,
            capacity=self.settings.tracking_buffer,
            window=self.settings.tracking_dedupe,
            linger=self.settings.tracking_linger,
            timer=time.monotonic,
        )

    @cached_property
    def context_sampler(self) -> ContextSampler | None:
        """None unless the settings ask for a sample."""
        settings = self.settings
        if settings.context_sample <= 0:
            return None
        from chalicelib.services.context_sampler import ContextSampler

        return ContextSampler(
            self.recent_contexts,
            self.catalog.list_loaded_documents,
            self.metrics,
            share=settings.context_sample,
            slots=settings.context_sample_max,
            seconds=settings.context_sample_days * DAY,
        )

    @cached_property
    def authorizer(self) -> Authorizer:
        from chalicelib.services.authorize import Authorizer

        settings = self.settings
        return Authorizer(
            self.keys,
            settings.demo_key,
            self.metrics,
            self.key_uses,
            self.key_fallback,
            ttl=settings.key_cache_ttl,
            max_stale=settings.key_max_stale,
            timer=time.monotonic,
            clock=self.clock,
        )

    @cached_property
    def key_fallback(self) -> KeyFallback:
        from chalicelib.services.key_fallback import KeyFallback

        # The store, and with it the client of S3, is made in an outage only.
        return KeyFallback(lambda: self.key_snapshots.read(), self.metrics, time.monotonic, self.clock)  # noqa: PLW0108

    @cached_property
    def key_uses(self) -> KeyUses:
        from chalicelib.services.key_uses import KeyUses

        return KeyUses(self.keys, self.metrics, time.monotonic)

    @cached_property
    def parallel(self) -> Parallel:
        from chalicelib.services.concurrency import Parallel

        return Parallel()
