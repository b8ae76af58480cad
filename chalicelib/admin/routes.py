"""The routes of the management API, each with the module and the view that answer it.

Modules are loaded when they are first asked: a deciding function registers the routes and never loads them.
"""

from importlib import import_module
from typing import Any, NamedTuple

from chalice.app import Request, Response


class Route(NamedTuple):
    method: str
    path: str
    view: str

    def answer(self, request: Request, plane: Any, **path: str) -> Response:
        from chalicelib.admin.wiring import get_admin

        module, _, name = self.view.partition(".")
        view: Any = getattr(import_module(f"chalicelib.admin.{module}"), name)
        response: Response = view(request, get_admin(plane), **path)
        return response


ROUTES = (
    Route("GET", "/admin", "operation_views.show_environment"),
    Route("GET", "/admin/definitions", "definition_views.list_definitions"),
    Route("GET", "/admin/definitions/{kind}/{key}", "definition_views.show_definition"),
    Route("GET", "/admin/definitions/{kind}/{key}/history", "definition_views.show_history"),
    Route("GET", "/admin/stale-flags", "definition_views.list_stale_flags"),
    Route("GET", "/admin/publications", "definition_views.list_publications"),
    Route("GET", "/admin/publications/{version}", "definition_views.show_publication"),
    Route("POST", "/admin/validate", "publishing_views.validate"),
    Route("POST", "/admin/diff", "publishing_views.diff"),
    Route("POST", "/admin/publish", "publishing_views.publish"),
    Route("POST", "/admin/rollback", "publishing_views.roll_back"),
    Route("POST", "/admin/flags/{key}/kill", "publishing_views.kill"),
    Route("POST", "/admin/flags/{key}/undo-kill", "publishing_views.undo_kill"),
    Route("GET", "/admin/proposals", "proposal_views.list_proposals"),
    Route("POST", "/admin/proposals", "publishing_views.propose"),
    Route("GET", "/admin/proposals/{proposal_id}", "proposal_views.show_proposal"),
    Route("POST", "/admin/proposals/{proposal_id}/approve", "proposal_views.approve"),
    Route("POST", "/admin/proposals/{proposal_id}/reject", "proposal_views.reject"),
    Route("GET", "/admin/keys", "operation_views.list_keys"),
    Route("POST", "/admin/keys", "operation_views.create_key"),
    Route("POST", "/admin/keys/{key_id}/revoke", "operation_views.revoke_key"),
    Route("GET", "/admin/quarantine", "operation_views.show_quarantine"),
    Route("GET", "/admin/status", "operation_views.show_status"),
    Route("GET", "/admin/experiments/{key}/results", "operation_views.show_results"),
    Route("GET", "/admin/experiments/{key}/analysis", "operation_views.show_analysis"),
    Route("POST", "/admin/explain", "operation_views.explain"),
    Route("GET", "/admin/webhooks", "webhook_views.list_webhooks"),
    Route("POST", "/admin/webhooks", "webhook_views.add_webhook"),
    Route("DELETE", "/admin/webhooks/{webhook_id}", "webhook_views.remove_webhook"),
    Route("POST", "/admin/webhooks/{webhook_id}/test", "webhook_views.send_test"),
    Route("GET", "/admin/actions", "operation_views.list_actions"),
)


def load_views() -> None:
    """Before the first request, where nothing else is answered."""
    for module in {route.view.partition(".")[0] for route in ROUTES}:
        import_module(f"chalicelib.admin.{module}")
