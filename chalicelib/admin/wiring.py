"""Gives the services of operators their stores. The command line and the management API use them."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.services.admin.request_rates import RequestRates

if TYPE_CHECKING:
    from chalicelib.domain.errors import Problem
    from chalicelib.domain.publishing.definition_set import DefinitionSet
    from chalicelib.domain.publishing.documents import DefinitionName
    from chalicelib.domain.recent_contexts import RecentContext
    from chalicelib.services.admin.approvals import Approvals
    from chalicelib.services.admin.explain import Explainer
    from chalicelib.services.admin.past_versions import PastVersions
    from chalicelib.services.admin.publishing import Plan, Published, Wanted
    from chalicelib.stores.status_sources import StatusSources
    from chalicelib.wiring import Plane

_log = logging.getLogger("realtime")


class Admin:
    """What operators do to the environment of ``plane``."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane

    @cached_property
    def approvals(self) -> Approvals:
        from chalicelib.services.admin.approvals import Approvals

        return Approvals(self.plane.definitions, self.plane.proposals, self.plane.webhooks.announce)

    @cached_property
    def explainer(self) -> Explainer:
        from chalicelib.services.admin.explain import Explainer
        from chalicelib.services.definitions.segments import find_by_key

        plane = self.plane
        return Explainer(
            plane.get_experiment,
            plane.catalog.flags.find,
            find_by_key(plane.catalog.segments),
            plane.assignments,
            plane.assignments if plane.settings.identity else None,
        )

    @cached_property
    def past_versions(self) -> PastVersions:
        from chalicelib.services.admin.past_versions import PastVersions

        return PastVersions(self.plane.definitions)

    @cached_property
    def rates(self) -> RequestRates:
        return RequestRates(time.monotonic)

    @cached_property
    def status_sources(self) -> StatusSources:
        from chalicelib.stores.status_sources import StatusSources

        plane = self.plane
        return StatusSources(plane.settings, plane.clients, plane.definitions)

    def check(
        self, written: DefinitionSet, removed: Collection[DefinitionName] = ()
    ) -> tuple[Published, Sequence[Problem]]:
        """What is published, and what is wrong with ``written`` beside it."""
        from chalicelib.services.admin.publishing import find_set_problems, load_published

        published = load_published(self.plane.definitions)
        return published, find_set_problems(written, published, removed)

    def plan(self, published: Published, wanted: Wanted) -> Plan:
        from chalicelib.services.admin.publishing import make_plan

        now = self.plane.clock()
        return make_plan(self.plane.definitions, published, wanted, now, self._read_recent(now))

    def _read_recent(self, now: float) -> Sequence[RecentContext]:
        """None where they cannot be read: a publish does not depend on them."""
        try:
            return self.plane.recent_contexts.get_all(now) if self.plane.settings.context_sample else ()
        except (StorageUnavailable, Throttled) as error:
            _log.warning("recent contexts cannot be read, users are made up: %s", error.code)
            return ()


@lru_cache(maxsize=1)
def get_admin(plane: Plane) -> Admin:
    """A container has one, until priming replaces its plane."""
    return Admin(plane)
