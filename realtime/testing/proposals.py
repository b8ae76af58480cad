"""`chalicelib.stores.proposals.ProposalStore` in memory."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from threading import Lock

from chalicelib.domain.definitions.model import Approval, DefinitionRow
from chalicelib.domain.errors import Conflict
from chalicelib.domain.proposals import Proposal, State
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.timestamps import format_timestamp


class MemoryProposals:
    def __init__(self) -> None:
        self._proposals: dict[int, Proposal] = {}
        self._rows: dict[int, Sequence[DefinitionRow]] = {}
        self._approvals = 0
        self._lock = Lock()

    def add(self, proposal: Proposal, rows: Sequence[DefinitionRow]) -> Proposal:
        with self._lock:
            numbered = replace(proposal, number=len(self._proposals) + 1)
            self._proposals[numbered.number], self._rows[numbered.number] = numbered, rows
            return numbered

    def get(self, number: int) -> Proposal | None:
        return self._proposals.get(number)

    def get_rows(self, number: int) -> Sequence[DefinitionRow]:
        return self._rows.get(number, [])

    def get_newest(self, state: State | None = None, limit: int | None = None) -> list[Proposal]:
        newest = (self._proposals[number] for number in sorted(self._proposals, reverse=True))
        return list(islice((each for each in newest if state in (None, each.state)), limit))

    def close(self, proposal: Proposal) -> bool:
        with self._lock:
            if self._proposals[proposal.number].state != "open":
                return False
            self._proposals[proposal.number] = proposal
            return True

    def approve(self, approval: Approval, version: int, now: float, by: str) -> None:
        """What `MemoryDefinitions.publish` does with it. Raises Conflict."""
        proposal, author = self._proposals[approval.number], Author(by, identity=approval.identity)
        decided = proposal.decide("approved", author, format_timestamp(now), approval.note)
        if not self.close(replace(decided, published_version=version)):
            raise Conflict("publish_conflict", "The proposal is not open any more.")

    def forget_rows(self, number: int) -> None:
        self._rows.pop(number, None)

    def get_approvals(self) -> int:
        return self._approvals

    def set_approvals(self, approvals: int) -> None:
        self._approvals = approvals
