"""Renders assignments as JSON."""

from collections.abc import Mapping
from typing import Any

from chalicelib.api.http import render_error
from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.definitions.model import MAX_BATCH
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.identity import Identified
from chalicelib.domain.timestamps import format_timestamp


def render_assignment(result: AssignmentResult) -> dict[str, Any]:
    """``persisted`` is present only if it is false. That a user who is held out is recorded is not told."""
    experiment, user_id, decision, assignment_id, timestamp, _, is_persisted = result
    body = {
        "user_id": user_id,
        "experiment_key": experiment.key,
        "experiment_id": experiment.id,
        "variant": decision.variant,
        "payload": decision.payload,
        "assignment_id": assignment_id if decision.variant is not None else None,
        "timestamp": format_timestamp(timestamp),
        "reason": decision.reason,
    }
    return body if is_persisted or decision.variant is None else body | {"persisted": False}


def render_assignments(
    results: Mapping[str, AssignmentResult | RealtimeError], *, is_page: bool = False
) -> dict[str, Any]:
    """An answer or an error for each experiment key. ``is_page``: more may come behind the last one."""
    body: dict[str, Any] = {
        "assignments": {
            key: render_error(result.code, result.message, result.details)
            if isinstance(result, RealtimeError)
            else render_assignment(result)
            for key, result in results.items()
        }
    }
    if is_page and len(results) == MAX_BATCH:
        body["continue_after"] = max(results)
    return body


def render_identified(anonymous_id: str, identified: Identified) -> dict[str, Any]:
    return {
        "anonymous_id": anonymous_id,
        "user_id": identified.link.user_id,
        "linked_at": format_timestamp(identified.link.linked_at),
        "assignments": dict(sorted(identified.variants.items())),
    }
