"""Gives the services of operators their stores. The command line and the management API use them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.domain.audit import AuditTrail
    from chalicelib.services.admin.approvals import Approvals
    from chalicelib.services.admin.explain import Explainer
    from chalicelib.wiring import Plane


class Admin:
    """What operators do to the environment of ``plane``."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane

    @cached_property
    def approvals(self) -> Approvals:
        from chalicelib.services.admin.approvals import Approvals

        return Approvals(self.plane.definitions, self.plane.proposals)

    @cached_property
    def trail(self) -> AuditTrail:
        """What operators did that is no publication."""
        from chalicelib.stores.audit import TableAuditTrail

        return TableAuditTrail(self.plane.clients, self.plane.settings.publications_table, "admin")

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
