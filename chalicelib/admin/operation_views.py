"""What runs: the environment, keys, queues, status, results, explanations, audit."""

from typing import Any

from chalice.app import Request, Response

from chalicelib import __version__
from chalicelib.admin import models
from chalicelib.admin import rendering as render
from chalicelib.admin.kit import admin_view, describe_action, read, read_parameters
from chalicelib.admin.wiring import Admin
from chalicelib.api.caller import read_caller, require_admin
from chalicelib.api.http import respond_with_json
from chalicelib.domain.audit import audited
from chalicelib.domain.errors import NotFound
from chalicelib.domain.status.lines import describe_status, list_lines
from chalicelib.services.admin import keys


@admin_view
def show_environment(request: Request, admin: Admin) -> dict[str, Any]:
    caller = read_caller(request)
    settings = admin.plane.settings
    return {
        "environment": settings.env,
        "program": __version__,
        "version": admin.plane.definitions.get_changes(None).version,
        "approvals": admin.plane.proposals.get_approvals(),
        "scopes": ["admin", "view"] if caller.is_admin else ["view"],
        "identity": {"id": caller.id, "label": caller.label, "name": caller.name},
    }


@admin_view
def list_keys(_: Request, admin: Admin) -> dict[str, Any]:
    now = admin.plane.clock()
    return {"keys": [render.render_key(key, now) for key in keys.list_keys(admin.plane.keys)]}


@admin_view
def create_key(request: Request, admin: Admin) -> Response:
    caller = require_admin(request)
    asked = read(models.NewKeyRequest, request)
    plane, now = admin.plane, admin.plane.clock()
    action = describe_action("create key", caller, asked.label)
    with audited(admin.plane.actions, action):
        made = keys.create_key(
            plane.keys, asked.scopes, asked.label, asked.expires, now, snapshots=plane.key_snapshots
        )
    body = {"key": made.token, **render.render_key(made.key, now)}
    return respond_with_json(body | {"warning": made.snapshot_failure or None}, 201)


@admin_view
def revoke_key(request: Request, admin: Admin, key_id: str) -> dict[str, Any]:
    caller = require_admin(request)
    if len(key_id) < keys.ID_LENGTH:
        raise NotFound("key_not_found", f"Name a key by its id of {keys.ID_LENGTH} characters.")
    plane, now = admin.plane, admin.plane.clock()
    action = describe_action("revoke key", caller, key_id[: keys.ID_LENGTH])
    with audited(admin.plane.actions, action):
        revoked = keys.revoke_key(plane.keys, key_id, now, snapshots=plane.key_snapshots)
    return render.render_key(revoked.key, now) | {"warning": revoked.snapshot_failure or None}


@admin_view
def show_quarantine(_: Request, admin: Admin) -> dict[str, Any]:
    held, failed = admin.status_sources.read_queues()
    return {
        "messages": held.waiting,
        "in_flight": held.in_flight,
        "failed_batches": failed.waiting,
        "failed_in_flight": failed.in_flight,
    }


@admin_view
def show_status(_: Request, admin: Admin) -> dict[str, Any]:
    sources = admin.status_sources
    snapshot = sources.take_snapshot(admin.plane.clock())
    return describe_status(snapshot, list_lines(snapshot, sources.conditions))


@admin_view
def show_results(_: Request, admin: Admin, key: str) -> dict[str, Any]:
    return admin.plane.results(key)


@admin_view
def show_analysis(_: Request, admin: Admin, key: str) -> dict[str, Any]:
    saved = admin.plane.analyses.read(key)
    if saved is None:
        command = f"python -m realtime analyze {key} --save"
        raise NotFound("no_analysis", f"No analysis of {key!r} was saved: `{command}` does it.")
    return saved


@admin_view
def explain(request: Request, admin: Admin) -> dict[str, Any]:
    """Who looks at a user's decision leaves a line in the audit: with a digest, not with the user's id."""
    caller = read_caller(request)
    asked = read(models.ExplainRequest, request)
    selection = f"{asked.kind} {asked.key}, user {render.digest_user(asked.user_id)}"
    now = admin.plane.clock()
    explainer = admin.explainer
    run = explainer.explain_flag if asked.kind == "flag" else explainer.explain_experiment
    with audited(admin.plane.actions, describe_action("explain", caller, selection)):
        explained = run(asked.user_id, asked.key, asked.context, now)
    return render.render_explained(asked.kind, asked.key, asked.user_id, explained)


@admin_view
def list_actions(request: Request, admin: Admin) -> dict[str, Any]:
    asked = read_parameters(models.LimitQuery, request)
    return {"actions": [render.render_action(action) for action in admin.plane.actions.read(asked.limit)]}
