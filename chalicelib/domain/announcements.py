"""What webhooks are told: one plain sentence, and the same as fields. Pure."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.proposals import Proposal, ProposedChange
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.domain.webhooks import TEST

MAX_DEFINITIONS = 100
"""That a message lists; SQS takes 256 KB."""
MAX_NAMES = 5
"""That its sentence names."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """``text`` has a place for the environment, ``{environment}``. ``at`` is in epoch seconds."""

    event: str
    text: str
    at: float
    by: str = ""
    reason: str = ""
    version: int | None = None
    changes: Sequence[tuple[str, str, str | None]] = ()
    proposal: str | None = None
    state: str | None = None

    def write(self, environment: str, delivery: str) -> str:
        """The body, as JSON. ``delivery`` is its id, the same in each attempt."""
        text = self.text.replace("{environment}", _escape(environment))
        fields: dict[str, Any] = {
            "text": text,
            "id": delivery,
            "event": self.event,
            "at": format_timestamp(self.at),
            "environment": environment,
            "version": self.version,
            "by": self.by or None,
            "reason": self.reason or None,
            "definitions": [
                {"kind": kind, "key": key, "change": change}
                for kind, key, change in self.changes[:MAX_DEFINITIONS]
            ],
            "definitions_total": len(self.changes),
            "proposal": {"id": self.proposal, "state": self.state} if self.proposal else None,
        }
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


Announce = Callable[[Announcement], str]
"""Tells webhooks. It never fails: the answer says why some are not told, and is empty if all are."""


def tell_nobody(_: Announcement) -> str:
    return ""


def announce_publication(
    version: int, author: Author, reason: str, changes: Sequence[ProposedChange], now: float
) -> Announcement:
    text = f"{_escape(author.by)} published version {version} in {{environment}}: {_name(changes)}."
    return Announcement("publication", text + _explain(reason), now, author.by, reason, version, changes)


def announce_kill(version: int, author: Author, reason: str, key: str, now: float) -> Announcement:
    text = f"{_escape(author.by)} killed the flag {key} in {{environment}}, version {version}."
    changes = (ProposedChange("flag", key, "changed"),)
    return Announcement("kill", text + _explain(reason), now, author.by, reason, version, changes)


def announce_proposal(proposal: Proposal, now: float) -> Announcement:
    """Opened, approved or rejected, as its state says."""
    author = proposal.decided_by or proposal.proposed_by
    proposed_by, names = _escape(proposal.proposed_by.by), _name(proposal.changes)
    if proposal.state == "open":
        reason = proposal.reason
        text = f"{proposed_by} proposes {proposal.id} in {{environment}}, which waits for approval: {names}."
    else:
        reason = proposal.decision_note
        by = _escape(author.by)
        text = f"{by} {proposal.state} {proposal.id} of {proposed_by} in {{environment}}: {names}."
    return Announcement(
        "proposal",
        text + _explain(reason),
        now,
        author.by,
        reason,
        proposal.published_version,
        proposal.changes,
        proposal.id,
        "opened" if proposal.state == "open" else proposal.state,
    )


def announce_split_alarm(experiment: Experiment, p_value: float, now: float) -> Announcement:
    """Once for each iteration of an experiment."""
    text = (
        f"The split of the experiment {experiment.key} in {{environment}} is not as defined "
        f"(iteration {experiment.iteration}, p = {p_value:.2g}). Do not trust its results until you know why."
    )
    named = (("experiment", experiment.key, None),)
    return Announcement("split_alarm", text, now, version=experiment.version, changes=named)


def announce_test(author: Author, now: float) -> Announcement:
    text = f"This is a test of the webhook from {{environment}}, asked for by {_escape(author.by)}."
    return Announcement(TEST, text, now, author.by)


def _name(changes: Sequence[ProposedChange]) -> str:
    names = [f"{kind} {key} {change}" for kind, key, change in changes[:MAX_NAMES]]
    others = len(changes) - len(names)
    return ", ".join(names) + (f" and {others} more" if others else "")


def _explain(reason: str) -> str:
    return f" Reason: {_escape(reason)}" if reason else ""


def _escape(text: str) -> str:
    """Slack reads <!channel> as a call to everybody, and <URL> as a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
