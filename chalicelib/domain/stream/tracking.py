"""Decisions as events: which evaluations are sent, and with which event id. Pure."""

import uuid
from collections.abc import Mapping
from typing import Any

from mmh3 import mmh3_x64_128_digest as digest

from chalicelib.domain.bucketing import halves, prefix
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.timestamps import format_timestamp

EVALUATION = "evaluation"
ASSIGNMENT = "assignment"


def is_sampled(evaluation: Evaluation, user_id: str) -> bool:
    """The same users are sampled as long as the share stays the same; a larger share adds users."""
    first_half, _ = halves(prefix("tracking", evaluation.flag_key), user_id)
    return first_half < evaluation.tracked


def build_evaluation_event(user_id: str, evaluation: Evaluation, now: float, window: float) -> dict[str, Any]:
    """Within ``window`` seconds all containers give the same answer the same event id, so it counts once."""
    period = int(now // window) if window else now
    name = f"evaluation/{evaluation.flag_key}/{evaluation.variant}/{period}:{user_id}"
    return {
        "event_id": _derive_event_id(name),
        "event_type": EVALUATION,
        "user_id": user_id,
        "timestamp": format_timestamp(now),
        "flag_key": evaluation.flag_key,
        "properties": {
            "variant": evaluation.variant,
            "reason": evaluation.reason,
            "version": evaluation.version,
        },
    }


def build_assignment_event(assignment: Mapping[str, Any]) -> dict[str, Any]:
    """``assignment`` is an answer of `/assign`.

    The experiment's key is a property and not ``experiment_key``: the assignments table counts assignments.
    """
    name = f"assignment/{assignment['assignment_id']}/{assignment['variant']}:{assignment['user_id']}"
    properties = ("experiment_key", "experiment_id", "variant", "assignment_id", "reason", "persisted")
    return {
        "event_id": _derive_event_id(name),
        "event_type": ASSIGNMENT,
        "user_id": assignment["user_id"],
        "timestamp": assignment["timestamp"],
        "properties": {field: assignment[field] for field in properties if field in assignment},
    }


def _derive_event_id(name: str) -> str:
    return str(uuid.UUID(bytes=digest(name.encode(), 0)))
