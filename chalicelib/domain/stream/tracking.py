"""Decisions as events: which evaluations are sent, and with which event id. Pure."""

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from mmh3 import mmh3_x64_128_digest as digest

from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.bucketing import compute_halves, make_prefix
from chalicelib.domain.definitions.model import Evaluation, Experiment
from chalicelib.domain.definitions.rules.units import list_attributes
from chalicelib.domain.event_types import ASSIGNMENT, CLIENT_EVALUATION, EVALUATION, EXPOSURE
from chalicelib.domain.timestamps import format_timestamp


class Answered(Protocol):
    """The parts of an answer that are recorded. The service has them, and so does a client."""

    @property
    def flag_key(self) -> str: ...
    @property
    def variant(self) -> str | None: ...
    @property
    def reason(self) -> str: ...
    @property
    def version(self) -> int: ...


def is_sampled(evaluation: Evaluation, user_id: str) -> bool:
    """The same users are sampled as long as the share stays the same; a larger share adds users."""
    first_half, _ = compute_halves(make_prefix("tracking", evaluation.flag_key), user_id)
    return first_half < evaluation.tracked


def build_evaluation_event(user_id: str, evaluation: Answered, now: float, window: float) -> dict[str, Any]:
    """Within ``window`` seconds all containers give the same answer the same event id, so it counts once."""
    event_id = _derive_evaluation_id("evaluation", user_id, evaluation, now, window)
    event = {"event_id": event_id, "event_type": EVALUATION, "user_id": user_id}
    return event | _describe_evaluation(evaluation, now)


def build_client_evaluation_event(
    user_id: str, evaluation: Answered, now: float, window: float
) -> dict[str, Any]:
    """As `build_evaluation_event`, of what a client evaluated. The id is another: both may count."""
    event_id = _derive_evaluation_id("client-evaluation", user_id, evaluation, now, window)
    event = {"event_id": event_id, "event_type": CLIENT_EVALUATION, "user_id": user_id}
    return event | _describe_evaluation(evaluation, now)


def _derive_evaluation_id(kind: str, user_id: str, evaluation: Answered, now: float, window: float) -> str:
    period = int(now // window) if window else now
    return _derive_event_id(f"{kind}/{evaluation.flag_key}/{evaluation.variant}/{period}:{user_id}")


def _describe_evaluation(evaluation: Answered, now: float) -> dict[str, Any]:
    return {
        "timestamp": format_timestamp(now),
        "flag_key": evaluation.flag_key,
        "properties": {
            "variant": evaluation.variant,
            "reason": evaluation.reason,
            "version": evaluation.version,
        },
    }


def build_assignment_event(result: AssignmentResult) -> dict[str, Any]:
    """The experiment's key is a property, not ``experiment_key``: the table's stream counts assignments."""
    experiment, user_id, decision, assignment_id, timestamp, _, is_persisted = result
    variant = decision.recorded or decision.variant
    properties = {
        "experiment_key": experiment.key,
        "experiment_id": experiment.id,
        "iteration": experiment.iteration,
        "variant": variant,
        "assignment_id": assignment_id,
        "reason": decision.reason,
    }
    return {
        "event_id": _derive_event_id(f"assignment/{assignment_id}/{variant}:{user_id}"),
        "event_type": ASSIGNMENT,
        "user_id": user_id,
        "timestamp": format_timestamp(timestamp),
        "properties": properties if is_persisted else properties | {"persisted": False},
    }


def build_exposure_event(
    result: AssignmentResult, properties: Mapping[str, Any], now: float, window: float
) -> dict[str, Any]:
    """A user has seen a variant. ``properties`` are those that say which unit, such as an account."""
    experiment = result.experiment
    period = int(now // window) if window else now
    name = f"exposure/{experiment.id}/{experiment.iteration}/{result.decision.variant}/{period}"
    return {
        "event_id": _derive_event_id(f"{name}:{result.user_id}"),
        "event_type": EXPOSURE,
        "user_id": result.user_id,
        "timestamp": format_timestamp(now),
        "experiment_key": experiment.key,
        "properties": properties,
    }


def select_unit_attributes(experiment: Experiment, context: Mapping[str, Any]) -> dict[str, Any]:
    """What an event needs of the context so that it is attributed to the same unit."""
    if experiment.get_unit is None:
        return {}
    names = list_attributes(experiment.document.unit)
    return {name: context[name] for name in names if name in context}


def _derive_event_id(name: str) -> str:
    return str(uuid.UUID(bytes=digest(name.encode(), 0)))
