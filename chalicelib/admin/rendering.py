"""Renders what the management API answers (docs/admin.md has the shapes)."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from chalicelib.domain.audit import Action
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import Problem
from chalicelib.domain.keys import ApiKey
from chalicelib.domain.proposals import Proposal
from chalicelib.domain.publishing.documents import DefinitionName
from chalicelib.domain.publishing.impact.measure import Impact
from chalicelib.domain.publishing.impact.text import describe_impact, describe_share
from chalicelib.domain.publishing.kills import NOTE, describe_kill
from chalicelib.domain.publishing.summary import get_rollout, list_split, summarize
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.admin.explain import Explained
from chalicelib.services.admin.history import PastPublication, Version, compare, name_change
from chalicelib.services.admin.listing import Listed
from chalicelib.services.admin.past_versions import Histories
from chalicelib.services.admin.publishing import Plan, PlannedChange

MAX_CHANGES_BYTES = 500_000
"""A load balancer passes on 1 MB, in which this text is quoted once more."""


def render_listed(listed: Listed, now: float, open_proposals: int = 0) -> dict[str, Any]:
    row, document = listed.row, listed.document
    kill = listed.kill
    split = list_split(document) if document else None
    return {
        "kind": row.kind,
        "key": row.key,
        "status": row.status,
        "name": document.name if document else None,
        "description": document.description if document else None,
        "owner": document.owner if document else None,
        "tags": document.tags if document else [],
        "version": row.version,
        "created_at": listed.created_at,
        "published_at": row.published_at,
        "published_by": row.published_by,
        "is_valid": document is not None,
        "is_killed": kill is not None,
        "killed": kill and render_kill(kill),
        "summary": summarize(document, now) if document else "cannot be read: publish it again",
        "split": split and [share._asdict() for share in split],
        "rollout": get_rollout(document, now) if document else None,
        "open_proposals": open_proposals,
        "problems": render_problems(listed.problems),
    }


def render_kill(kill: DefinitionRow) -> dict[str, Any]:
    reason = kill.published_note.removeprefix(NOTE)
    return {"at": kill.published_at, "by": kill.published_by, "reason": reason}


def render_problems(problems: Iterable[Problem]) -> list[dict[str, str]]:
    return [{"path": problem.path, "message": problem.message} for problem in problems]


def render_names(names: Iterable[DefinitionName]) -> list[dict[str, str]]:
    return [{"kind": kind, "key": key} for kind, key in names]


def render_version(version: Version) -> dict[str, Any]:
    row = version.row
    return {
        "version": row.version,
        "published_at": row.published_at,
        "published_by": row.published_by,
        "note": row.published_note,
        "change": version.change,
        "differences": [difference._asdict() for difference in version.differences],
    }


def render_publication(
    publication: PastPublication, histories: Histories, *, has_differences: bool = False
) -> dict[str, Any]:
    """``histories`` have the versions before it of what it changed, newest first."""
    definitions = []
    for row in publication.rows:
        history = histories.get((row.kind, row.key), ())
        previous = next((each for each in history if each.version < row.version), None)
        definition: dict[str, Any] = {"kind": row.kind, "key": row.key, "change": name_change(row, previous)}
        if has_differences:
            definition["differences"] = [each._asdict() for each in compare(row, previous).differences]
        definitions.append(definition)
    return {
        "version": publication.version,
        "published_at": publication.published_at,
        "published_by": publication.published_by,
        "note": publication.note,
        "definitions": definitions,
    }


def render_plan(plan: Plan) -> list[dict[str, Any]]:
    """Its changes, then what uses them and answers otherwise because of it."""
    changes = [_render_change(planned) for planned in plan.describe_changes()]
    for dependent in plan.find_dependents():
        kind, key = dependent.name
        used = ", ".join(" ".join(cause) for cause in dependent.causes)
        changes.append(
            {
                "kind": kind,
                "key": key,
                "sign": "=",
                "differences": [],
                "impact": _render_impact(dependent.name, dependent.impact, dependent.keeps_assignments),
                "notes": [f"does not change, but uses {used}"],
            }
        )
    return shorten_changes(changes)


def shorten_changes(
    changes: list[dict[str, Any]], max_bytes: int = MAX_CHANGES_BYTES
) -> list[dict[str, Any]]:
    """Without the differences of those that do not fit: a published change must not end in an error."""
    size = 0
    for change in changes:
        size += len(json.dumps(change))
        if size > max_bytes:
            change["differences"] = []
            change["notes"].append("its differences are left out: the answer would be too large")
    return changes


def _render_change(planned: PlannedChange) -> dict[str, Any]:
    change = planned.change
    kind, key = change.name
    notes = [*planned.notes]
    if planned.kill:
        notes.append(f"turns it on again: it was {describe_kill(planned.kill)}")
    return {
        "kind": kind,
        "key": key,
        "sign": change.sign,
        "differences": [difference._asdict() for difference in change.list_differences()],
        "impact": planned.impact and _render_impact(change.name, planned.impact, change.keeps_assignments),
        "notes": notes,
    }


def _render_impact(name: DefinitionName, impact: Impact, keeps_assignments: bool) -> dict[str, Any]:
    return {
        "text": describe_share(name, impact, keeps_assignments),
        "share": impact.share,
        "lines": list(describe_impact(impact)),
    }


def render_key(key: ApiKey, now: float) -> dict[str, Any]:
    return {
        "id": key.id[:12],
        "label": key.label,
        "scopes": list(key.scopes),
        "created": key.created,
        "last_used": key.last_used,
        "expires": key.expires,
        "revoked": key.revoked,
        "accepted": key.is_accepted(now),
    }


def render_explained(kind: str, key: str, user_id: str, explained: Explained) -> dict[str, Any]:
    refused = explained.refused
    return {
        "kind": kind,
        "key": key,
        "user_id": user_id,
        "linked_to": explained.linked_to,
        "variant": explained.variant,
        "reason": explained.reason or None,
        "value": explained.value,
        "error": refused and {"code": refused.code, "message": refused.message},
        "steps": [step._asdict() for step in explained.steps],
    }


def render_action(action: Action) -> dict[str, Any]:
    return {
        "at": format_timestamp(action.at, "milliseconds"),
        "by": action.by,
        "name": action.name,
        "note": action.note,
        "selection": action.selection,
        "reason": action.reason,
        "outcome": action.outcome,
    }


def digest_user(user_id: str) -> str:
    """Tells users apart in the audit without naming them."""
    return f"sha256:{hashlib.sha256(user_id.encode()).hexdigest()[:16]}"


def read_document(listed: Listed) -> dict[str, Any]:
    """The definition as it is stored, or its text if it cannot be read."""
    if listed.document is None:
        return {"definition": None, "text": listed.row.text}
    return {"definition": json.loads(listed.row.text)}


def count_open(proposals: Iterable[Proposal]) -> Counter[DefinitionName]:
    """Open proposals by what they change."""
    return Counter((change.kind, change.key) for each in proposals for change in each.changes)
