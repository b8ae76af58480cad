"""Proposals: changes that somebody else has to approve before they are published."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from chalicelib.domain.announcements import (
    Announce,
    Announcement,
    announce_proposal,
    announce_publication,
    tell_nobody,
)
from chalicelib.domain.definitions import consistency
from chalicelib.domain.definitions.model import (
    Approval,
    DefinitionName,
    DefinitionRow,
    Definitions,
)
from chalicelib.domain.errors import Conflict, InvalidInput, NotFound, Problem
from chalicelib.domain.proposals import (
    Proposal,
    Proposals,
    ProposedChange,
    State,
    find_published_since,
    make_note,
    make_outdated_error,
    needs_approval,
    parse_id,
    require_another,
    require_identity,
    require_open,
)
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.diff import DefinitionChange
from chalicelib.domain.publishing.documents import KINDS, parse_row
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.admin.publishing import Plan, Wanted, load_published

ATTEMPTS = 10
"""Somebody else publishes at the same moment: an approval goes on top of it."""
MAX_REASON = 500
Rows = Mapping[DefinitionName, DefinitionRow]
Tell = Callable[[str], object]


def ignore(_: str) -> None:
    """For who cannot do anything about it; it is logged all the same."""


class Approvals:
    """Each method raises StorageUnavailable or Throttled. ``now`` is in epoch seconds.

    ``tell`` is called with a sentence if webhooks are not told of what happened.
    """

    def __init__(
        self, definitions: Definitions, proposals: Proposals, announce: Announce = tell_nobody
    ) -> None:
        self._definitions = definitions
        self._proposals = proposals
        self._announce = announce

    def are_needed(self, plan: Plan) -> bool:
        """Do not ask for a kill, which never waits."""
        changed = [change.name for change in plan.changes]
        return needs_approval(changed, plan.before, plan.after, self._proposals.get_approvals())

    def submit(
        self, plan: Plan, author: Author, reason: str, *, proposes: bool = False, tell: Tell = ignore
    ) -> int | Proposal:
        """Publish ``plan`` and return the version; propose it if it has to wait, or if ``proposes``.

        Raises what `propose` and `Plan.publish` raise.
        """
        if proposes or self.are_needed(plan):
            return self.propose(plan, author, reason, tell=tell)
        version = plan.publish(author)
        self._tell(announce_publication(version, author, reason, _describe_all(plan), plan.now), tell)
        return version

    def propose(self, plan: Plan, author: Author, reason: str, *, tell: Tell = ignore) -> Proposal:
        """Raises InvalidInput without a reason, NotPermitted without an identity, and TooLarge."""
        require_identity(author)
        checked = _check_text(reason, "reason", is_required=True)
        proposed_by = Author(author.by, identity=author.identity)
        version, time = plan.published.version, format_timestamp(plan.now)
        asked = Proposal(_describe_all(plan), version, proposed_by, time, checked)
        proposal = self._proposals.add(asked, plan.rows)
        self._tell(announce_proposal(proposal, plan.now), tell)
        return proposal

    def get(self, proposal_id: str) -> Proposal:
        """Raises NotFound. One that is open and can no longer be approved says so: it is outdated."""
        return self._mark_outdated([self._get_stored(proposal_id)])[0]

    def get_wanted(self, proposal: Proposal) -> Wanted:
        """What the changed definitions would be, for `make_plan`."""
        rows = self._proposals.get_rows(proposal.number)
        return {(row.kind, row.key): parse_row(row) if row.text else None for row in rows}

    def get_newest(self, state: State | None = None, limit: int | None = None) -> list[Proposal]:
        """Newest first. An open one may have become outdated without anybody having been told."""
        asked: State | None = None if state == "outdated" else state
        found = self._mark_outdated(self._proposals.get_newest(asked, limit if asked else None))
        return [each for each in found if state in (None, each.state)][:limit]

    def approve(
        self, proposal_id: str, by: Author, now: float, note: str = "", *, tell: Tell = ignore
    ) -> Proposal:
        """Publish it. Raises NotFound, NotPermitted, Conflict, and InvalidInput if it does not fit what else
        is published now.
        """
        note = _check_text(note, "note")
        for attempt in range(ATTEMPTS):
            proposal = self._get_stored(proposal_id)
            require_open(proposal)
            require_another(proposal, by)
            try:
                self._publish(proposal, by, now, note)
            except Conflict as error:
                # By another publication, or because it is decided meanwhile: look again.
                if error.code != "publish_conflict" or attempt == ATTEMPTS - 1:
                    raise
            else:
                break
        approved = self._get_stored(proposal_id)
        version, reason = approved.published_version or 0, approved.reason
        self._tell(announce_proposal(approved, now), tell)
        self._tell(announce_publication(version, by, reason, approved.changes, now), tell)
        return approved

    def _publish(self, proposal: Proposal, by: Author, now: float, note: str) -> None:
        published = load_published(self._definitions)
        if names := find_published_since(proposal, published.rows):
            self._close(proposal.decide("outdated", None, format_timestamp(now)))
            raise make_outdated_error(proposal, names)
        rows = self._proposals.get_rows(proposal.number)
        _check_together(proposal, rows, published.rows)
        approval = Approval(proposal.number, by.identity, note)
        self._definitions.publish(
            rows, published.version, now, by.by, make_note(proposal, by, note), approval
        )

    def reject(
        self, proposal_id: str, by: Author, now: float, note: str = "", *, tell: Tell = ignore
    ) -> Proposal:
        """Who proposed it may reject it too, which withdraws it. Raises NotFound or Conflict."""
        proposal = self._get_stored(proposal_id)
        require_open(proposal)
        decided = proposal.decide("rejected", by, format_timestamp(now), _check_text(note, "note"))
        self._close(decided)
        self._tell(announce_proposal(decided, now), tell)
        return decided

    def _tell(self, announcement: Announcement, tell: Tell) -> None:
        if warning := self._announce(announcement):
            tell(warning)

    def _close(self, decided: Proposal) -> None:
        """Raises Conflict if another decision was first."""
        if not self._proposals.close(decided):
            require_open(self._get_stored(decided.id))

    def _get_stored(self, proposal_id: str) -> Proposal:
        proposal = self._proposals.get(parse_id(proposal_id))
        if proposal is None:
            raise NotFound("proposal_not_found", f"There is no proposal {proposal_id!r}.")
        return proposal

    def _mark_outdated(self, proposals: Sequence[Proposal]) -> list[Proposal]:
        """Without writing it: reading changes nothing."""
        names = {
            (change.kind, change.key) for each in proposals if each.state == "open" for change in each.changes
        }
        published = self._read_some(names)
        return [
            replace(each, state="outdated")
            if each.state == "open" and find_published_since(each, published)
            else each
            for each in proposals
        ]

    def _read_some(self, names: Collection[DefinitionName]) -> Rows:
        by_kind = {kind: [key for each, key in names if each == kind] for kind in KINDS}
        return {
            (kind, key): row
            for kind, keys in by_kind.items()
            if keys
            for key, row in self._definitions.get_many(kind, keys).items()
        }


def _describe_all(plan: Plan) -> tuple[ProposedChange, ...]:
    return tuple(_describe(change, plan) for change in plan.changes)


def _describe(change: DefinitionChange, plan: Plan) -> ProposedChange:
    """A published row that is not valid is changed, not added."""
    if change.after is None:
        return ProposedChange(*change.name, "removed")
    return ProposedChange(*change.name, "changed" if change.name in plan.published.rows else "added")


def _check_text(text: str, field: str, *, is_required: bool = False) -> str:
    """Without blanks around it. Raises InvalidInput."""
    text = " ".join(text.split())
    message = ""
    if is_required and not text:
        message = "say why, for those who approve it"
    elif len(text) > MAX_REASON:
        message = f"has {len(text)} characters, at most {MAX_REASON} are kept"
    if message:
        raise InvalidInput("invalid_request", f"{field}: {message}.", (Problem(field, message),))
    return text


def _check_together(proposal: Proposal, rows: Sequence[DefinitionRow], published: Rows) -> None:
    """Raises InvalidInput if what would be in force has a problem: other definitions may have changed."""
    if len(rows) != len(proposal.changes):
        raise InvalidInput("proposal_without_texts", f"The texts of {proposal.id} were removed: reject it.")
    after = {**published, **{(row.kind, row.key): row for row in rows}}
    documents = [document for row in after.values() if row.text and (document := parse_row(row))]
    problems = tuple(
        problem.with_prefix(" ".join(name)) for name, problem in consistency.check_set(documents)
    )
    if problems:
        message = "It does not fit what else is published now: reject it and propose the change again."
        raise InvalidInput("invalid_definitions", message, problems)
