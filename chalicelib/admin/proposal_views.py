"""Changes that wait for somebody else's approval."""

from typing import Any

from chalice.app import Request

from chalicelib.admin import models
from chalicelib.admin import rendering as render
from chalicelib.admin.kit import admin_view, read, read_parameters
from chalicelib.admin.wiring import Admin
from chalicelib.api.caller import require_admin
from chalicelib.domain.proposals import describe_proposal
from chalicelib.services.admin.publishing import load_published

NEWEST = 200
"""Proposals that a list shows."""


@admin_view
def list_proposals(request: Request, admin: Admin) -> dict[str, Any]:
    state = read_parameters(models.ProposalsQuery, request).state
    found = admin.approvals.get_newest(state, NEWEST)
    return {"proposals": [describe_proposal(proposal) for proposal in found]}


@admin_view
def show_proposal(_: Request, admin: Admin, proposal_id: str) -> dict[str, Any]:
    """With what it would change now; nothing once it is decided."""
    proposal = admin.approvals.get(proposal_id)
    changes: list[dict[str, Any]] = []
    if proposal.state == "open":
        wanted = admin.approvals.get_wanted(proposal)
        changes = render.render_plan(admin.plan(load_published(admin.plane.definitions), wanted))
    return describe_proposal(proposal) | {"changes": changes}


@admin_view
def approve(request: Request, admin: Admin, proposal_id: str) -> dict[str, Any]:
    caller = require_admin(request)
    asked = read(models.DecisionRequest, request)
    warnings, now = list[str](), admin.plane.clock()
    approved = admin.approvals.approve(proposal_id, caller.author, now, asked.note, tell=warnings.append)
    warning = " ".join(warnings) or None
    return describe_proposal(approved) | {"version": approved.published_version, "warning": warning}


@admin_view
def reject(request: Request, admin: Admin, proposal_id: str) -> dict[str, Any]:
    caller = require_admin(request)
    asked = read(models.DecisionRequest, request)
    rejected = admin.approvals.reject(proposal_id, caller.author, admin.plane.clock(), asked.note)
    return describe_proposal(rejected)
