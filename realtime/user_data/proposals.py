"""Proposals whose definitions name a user: texts of decided ones are removed, open ones are decided first."""

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.proposals import Proposal, Proposals
from realtime.user_data.definitions import describe_row, names_user
from realtime.user_data.stores import Finding, Request


class ProposedDefinitions:
    """A `UserStore`."""

    name = "proposals"

    def __init__(self, proposals: Proposals) -> None:
        self._proposals = proposals

    def search(self, request: Request) -> Finding:
        found = list(self._find(request))
        notes = [
            f"{proposal.id} names a user and is open. Approve or reject it, and run again."
            for proposal in found
            if proposal.state == "open"
        ]
        finding = Finding()
        finding.add(Finding(own=len(found), notes=notes))
        return finding

    def forget(self, request: Request) -> Finding:
        decided = [proposal for proposal in self._find(request) if proposal.state != "open"]
        for proposal in decided:
            self._proposals.forget_rows(proposal.number)
        return Finding(own=len(decided))

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        return {"proposals.jsonl": self._export(request)}

    def _export(self, request: Request) -> Iterator[Mapping[str, Any]]:
        for proposal in self._find(request):
            for row in self._proposals.get_rows(proposal.number):
                if names_user(row, request):
                    yield {"proposal": proposal.id, **describe_row(row, request)}

    def _find(self, request: Request) -> Iterator[Proposal]:
        for proposal in self._proposals.get_newest():
            if any(names_user(row, request) for row in self._proposals.get_rows(proposal.number)):
                yield proposal
