"""Receivers of messages about what happens."""

from typing import Any

from chalice.app import Request, Response

from chalicelib.admin import models
from chalicelib.admin.kit import admin_view, describe_action, read
from chalicelib.admin.wiring import Admin
from chalicelib.api.caller import require_admin
from chalicelib.api.http import respond_with_json
from chalicelib.domain.audit import audited
from chalicelib.domain.webhooks import describe_webhook


@admin_view
def list_webhooks(_: Request, admin: Admin) -> dict[str, Any]:
    return {"webhooks": [describe_webhook(webhook) for webhook in admin.plane.webhooks.get_all()]}


@admin_view
def add_webhook(request: Request, admin: Admin) -> Response:
    """The secret is shown once. The audit has no address, which may be a password."""
    caller = require_admin(request)
    asked = read(models.NewWebhookRequest, request)
    with audited(admin.plane.actions, describe_action("add webhook", caller, ",".join(asked.events))):
        webhook = admin.plane.webhooks.add(asked.url, asked.events)
    return respond_with_json(describe_webhook(webhook) | {"secret": webhook.secret}, 201)


@admin_view
def remove_webhook(request: Request, admin: Admin, webhook_id: str) -> dict[str, Any]:
    caller = require_admin(request)
    with audited(admin.plane.actions, describe_action("remove webhook", caller, webhook_id)):
        return describe_webhook(admin.plane.webhooks.remove(webhook_id))


@admin_view
def send_test(request: Request, admin: Admin, webhook_id: str) -> Response:
    caller = require_admin(request)
    delivery = admin.plane.webhooks.test(webhook_id, caller.author)
    return respond_with_json({"delivery": delivery}, 202)
