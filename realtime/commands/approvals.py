"""`approvals` and `proposals`: what waits for whom, and the decision about it."""

import json

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chalicelib.domain.audit import Action, AuditTrail, audited
from chalicelib.domain.definitions.model import Definitions
from chalicelib.domain.proposals import Proposal, Proposals, State, describe_proposal
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.impact.sampled import ReadRecent
from chalicelib.services.admin.approvals import Approvals, Tell, ignore
from chalicelib.services.admin.publishing import load_published, make_plan
from realtime.commands.publish import print_plan, read_recent_or_none

MAX_NAMES = 3
"""Definitions that are named in the row of a proposal."""


def show_approvals(console: Console, proposals: Proposals, *, as_json: bool = False) -> None:
    approvals = proposals.get_approvals()
    if as_json:
        print(json.dumps({"approvals": approvals}))
    else:
        _show(console, _describe_approvals(approvals))


def set_approvals(
    console: Console, proposals: Proposals, trail: AuditTrail, approvals: int, author: Author, reason: str
) -> None:
    action = Action("approvals", author.by, note=author.note, selection=str(approvals), reason=reason)
    with audited(trail, action):
        proposals.set_approvals(approvals)
    _show(console, _describe_approvals(approvals))


def _describe_approvals(approvals: int) -> str:
    if approvals:
        return "1: every change of a definition waits until somebody else approves it. A kill does not."
    return "0: changes are published at once, but those of definitions with approvals: 1."


def list_proposals(
    console: Console, approvals: Approvals, state: State | None, limit: int, *, as_json: bool = False
) -> None:
    listed = approvals.get_newest(state, limit)
    if as_json:
        console.print_json(json.dumps([describe_proposal(proposal) for proposal in listed]))
        return
    if not listed:
        _show(console, f"There is no {state or ''} proposal.".replace("  ", " "))
        return
    names = "id", "state", "proposed", "by", "what and why"
    table = Table(*(Column(name, overflow="fold") for name in names), box=None, padding=(0, 1, 0, 0))
    for proposal in listed:
        texts = _name_changes(proposal), proposal.reason
        what = Text("\n".join(texts))
        by = Text(proposal.proposed_by.by)
        table.add_row(proposal.id, proposal.state, proposal.proposed_at[:16], by, what)
    console.print(table)


def show_proposal(
    console: Console,
    approvals: Approvals,
    definitions: Definitions,
    proposal_id: str,
    now: float,
    read_recent: ReadRecent,
    *,
    as_json: bool = False,
) -> None:
    """Raises NotFound."""
    proposal = approvals.get(proposal_id)
    if as_json:
        console.print_json(json.dumps(describe_proposal(proposal)))
        return
    by = proposal.proposed_by
    _show(console, f"{proposal.id}, {proposal.state}: proposed at {proposal.proposed_at} by {by.by},")
    _show(console, f"on top of version {proposal.base_version}: {proposal.reason}")
    if proposal.decided_at:
        decided = f" by {proposal.decided_by.by}" if proposal.decided_by else ""
        version = f" as version {proposal.published_version}" if proposal.published_version else ""
        note = f": {proposal.decision_note}" if proposal.decision_note else ""
        _show(console, f"{proposal.state} at {proposal.decided_at}{decided}{version}{note}")
    if proposal.state != "open":
        _show(console, f"It was to change {_name_changes(proposal, limit=None)}.")
        return
    recent = read_recent_or_none(console, read_recent, now)
    wanted = approvals.get_wanted(proposal)
    print_plan(console, make_plan(definitions, load_published(definitions), wanted, now, recent))


def approve(
    console: Console,
    approvals: Approvals,
    proposal_id: str,
    author: Author,
    now: float,
    note: str,
    tell: Tell = ignore,
) -> None:
    """Raises what the service raises."""
    approved = approvals.approve(proposal_id, author, now, note, tell=tell)
    _show(console, f"Published {approved.id} as version {approved.published_version}.")
    _show(console, "In force everywhere within 10 seconds.")


def reject(
    console: Console,
    approvals: Approvals,
    proposal_id: str,
    author: Author,
    now: float,
    reason: str,
    tell: Tell = ignore,
) -> None:
    """Raises what the service raises."""
    rejected = approvals.reject(proposal_id, author, now, reason, tell=tell)
    _show(console, f"Rejected {rejected.id}. Nothing is published.")


def _name_changes(proposal: Proposal, limit: int | None = MAX_NAMES) -> str:
    names = [
        f"{kind} {key}{'' if change == 'changed' else f' ({change})'}"
        for kind, key, change in proposal.changes
    ]
    more = f" and {len(names) - limit} more" if limit and len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _show(console: Console, text: str) -> None:
    """As it is: reasons and keys are no markup."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
