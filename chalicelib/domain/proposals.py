"""Changes that wait for somebody else's approval: which have to, and what becomes of a proposal. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, Protocol

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionName, DefinitionRow
from chalicelib.domain.definitions.schema import Definition, SegmentDocument
from chalicelib.domain.definitions.uses import list_uses
from chalicelib.domain.errors import Conflict, NotFound, NotPermitted, Problem
from chalicelib.domain.publishing.author import Author

State = Literal["open", "approved", "rejected", "outdated"]
Change = Literal["added", "changed", "removed"]
Documents = Mapping[DefinitionName, Definition]
PREFIX = "p-"


class ProposedChange(NamedTuple):
    kind: DefinitionKind
    key: str
    change: Change


@dataclass(frozen=True, slots=True)
class Proposal:
    """Changes to what was published up to ``base_version``. Times are ISO 8601; empty until decided.

    Their texts are kept beside it: `Proposals.get_rows`.
    """

    changes: tuple[ProposedChange, ...]
    base_version: int
    proposed_by: Author
    proposed_at: str
    reason: str
    number: int = 0  # the store gives it
    state: State = "open"
    decided_by: Author | None = None
    decided_at: str = ""
    decision_note: str = ""
    published_version: int | None = None

    @property
    def id(self) -> str:
        return f"{PREFIX}{self.number}"

    def decide(self, state: State, by: Author | None, at: str, note: str = "") -> "Proposal":
        return replace(self, state=state, decided_by=by, decided_at=at, decision_note=note)


class Proposals(Protocol):
    """The store of proposals, and of the environment's approvals.

    Each method raises StorageUnavailable or Throttled. An approval is written by `Definitions.publish`.
    """

    def add(self, proposal: Proposal, rows: Sequence[DefinitionRow]) -> Proposal:
        """With its number. ``rows`` are the changed definitions, those without text are removed.

        Raises TooLarge.
        """

    def get(self, number: int) -> Proposal | None: ...

    def get_rows(self, number: int) -> Sequence[DefinitionRow]:
        """Those that it was added with; none after `forget_rows`."""

    def get_newest(self, state: State | None = None, limit: int | None = None) -> Sequence[Proposal]:
        """Newest first, of this state or all."""

    def close(self, proposal: Proposal) -> bool:
        """Write the state and the decision of ``proposal``, unless another was written first."""

    def forget_rows(self, number: int) -> None: ...

    def get_approvals(self) -> int:
        """How many others must agree to each change of the environment."""

    def set_approvals(self, approvals: int) -> None: ...


def parse_id(text: str) -> int:
    """The number of the proposal ``p-12``. Raises NotFound."""
    digits = text.removeprefix(PREFIX)
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        raise NotFound("proposal_not_found", f"There is no proposal {text!r}; ids are such as {PREFIX}12.")
    return int(digits)


def needs_approval(
    changed: Collection[DefinitionName], before: Documents, after: Documents, environment: int
) -> bool:
    """Whether these changes have to wait. ``environment``: the approvals that each change of it needs.

    A definition with ``approvals`` of its own, before or after, also protects what it uses.
    """
    if environment:
        return bool(changed)
    protected = _find_protected(before) | _find_protected(after)
    return not protected.isdisjoint(changed)


def _find_protected(documents: Documents) -> set[DefinitionName]:
    """Definitions that ask for approvals, and all that they refer to."""
    waiting = [
        name
        for name, document in documents.items()
        if not isinstance(document, SegmentDocument) and document.approvals
    ]
    found: set[DefinitionName] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [use.name for use in list_uses(documents[name])] if name in documents else []
    return found


def find_published_since(
    proposal: Proposal, published: Mapping[DefinitionName, DefinitionRow]
) -> list[DefinitionName]:
    """Which of its definitions were published after its base version. ``published`` has those in force.

    What else was published since does not matter.
    """
    return [
        (change.kind, change.key)
        for change in proposal.changes
        if _is_outdated(change, published.get((change.kind, change.key)), proposal.base_version)
    ]


def _is_outdated(change: ProposedChange, row: DefinitionRow | None, base_version: int) -> bool:
    if row is None:
        return change.change != "added"
    return change.change == "added" or row.version > base_version


def require_open(proposal: Proposal) -> None:
    """Raises Conflict."""
    if proposal.state == "outdated":
        raise make_outdated_error(proposal)
    if proposal.state != "open":
        by = f" by {proposal.decided_by.by}" if proposal.decided_by else ""
        raise Conflict("proposal_decided", f"{proposal.id} is {proposal.state} already{by}.")


def require_identity(author: Author) -> None:
    """Raises NotPermitted: without an identity, who proposed a change could approve it."""
    if not author.identity:
        message = "AWS does not confirm who you are, so you can neither propose nor approve; try again."
        raise NotPermitted("identity_unknown", message)


def require_another(proposal: Proposal, approver: Author) -> None:
    """Raises NotPermitted for who proposed it."""
    require_identity(approver)
    if approver.identity == proposal.proposed_by.identity:
        message = f"You have proposed {proposal.id} yourself, as {approver.by}: somebody else approves it."
        raise NotPermitted("same_identity", message)


def make_outdated_error(proposal: Proposal, names: Collection[DefinitionName] = ()) -> Conflict:
    """``names``: what was published since."""
    problems = tuple(Problem(f"{kind} {key}", "was published since") for kind, key in names)
    message = f"{proposal.id} is outdated: what it changes was published since. Propose the change again."
    return Conflict("proposal_outdated", message, problems)


def make_note(proposal: Proposal, approver: Author, decision_note: str = "") -> str:
    """For the history, which names the approver as the publisher."""
    author = proposal.proposed_by
    name = author.by if author.identity == author.by else f"{author.by} ({author.identity})"
    proposed = f"{proposal.id} proposed by {name}: {proposal.reason}"
    approved = f"approved: {decision_note}" if decision_note else ""
    return "; ".join(filter(None, (proposed, approved, approver.note)))


def describe_proposal(proposal: Proposal) -> dict[str, Any]:
    """As the API and `--json` show it."""
    decided = proposal.decided_by
    return {
        "id": proposal.id,
        "state": proposal.state,
        "proposed_at": proposal.proposed_at,
        "proposed_by": proposal.proposed_by.by,
        "reason": proposal.reason,
        "base_version": proposal.base_version,
        "definitions": [change._asdict() for change in proposal.changes],
        "decided_at": proposal.decided_at or None,
        "decided_by": decided.by if decided else None,
        "decision_note": proposal.decision_note,
        "published_version": proposal.published_version,
    }
