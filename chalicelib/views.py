"""What the routes and direct calls answer. A module of its own: a stream's function never loads it."""

from functools import partial
from typing import Any

from chalice.app import Request, Response

from chalicelib.api import assignments, direct, flags, ofrep
from chalicelib.api.events import receive_events
from chalicelib.api.http import is_client, json_view
from chalicelib.api.models import (
    AssignBatchRequest,
    AssignRequest,
    FlagBatchRequest,
    FlagRequest,
    IdentifyRequest,
)
from chalicelib.api.requests import read_body_or_query
from chalicelib.wiring import Plane


@json_view
def assign(request: Request, plane: Plane) -> dict[str, Any]:
    asked = read_body_or_query(AssignRequest, request)
    return assignments.render_assignment(plane.assign(asked.user_id, asked.experiment_key, asked.context))


@json_view
def assign_batch(request: Request, plane: Plane) -> dict[str, Any]:
    asked = read_body_or_query(AssignBatchRequest, request)
    results = plane.assign_many(asked.user_id, asked.experiment_keys, asked.context, asked.continue_after)
    return assignments.render_assignments(results, is_page=asked.experiment_keys is None)


@json_view
def identify(request: Request, plane: Plane) -> dict[str, Any]:
    asked = read_body_or_query(IdentifyRequest, request)
    return assignments.render_identified(
        asked.anonymous_id, plane.identify(asked.anonymous_id, asked.user_id)
    )


@json_view
def evaluate(request: Request, plane: Plane) -> str:
    asked = read_body_or_query(FlagRequest, request)
    answer = plane.evaluate(
        asked.user_id, asked.flag_key, asked.context, only_client=is_client(request), is_checked=True
    )
    return answer.encoded


@json_view
def evaluate_batch(request: Request, plane: Plane) -> Response:
    asked = read_body_or_query(FlagBatchRequest, request)
    answers = plane.evaluate_many(
        asked.user_id,
        asked.flag_keys,
        asked.context,
        only_client=is_client(request),
        expose=asked.exposures,
    )
    return flags.render_evaluations(request, answers)


@ofrep.ofrep_view
def ofrep_flag(request: Request, plane: Plane, key: str) -> Response:
    user_id, context = ofrep.read_request(request)
    only_client = is_client(request)
    answer = plane.evaluate(user_id, key, context, keep_user_id=True, only_client=only_client)
    return ofrep.render_evaluation(answer)


@ofrep.ofrep_view
def ofrep_flags(request: Request, plane: Plane) -> Response:
    user_id, context = ofrep.read_request(request)
    only_client = is_client(request)
    answers = plane.evaluate_many(user_id, None, context, keep_user_id=True, only_client=only_client)
    return ofrep.render_evaluations(request, answers)


@json_view
def definitions(request: Request, plane: Plane) -> Response:
    """Loaded here: only clients that evaluate in their own process ask for it."""
    from chalicelib.api.local_evaluation import get_definitions

    return get_definitions(request, plane)


@json_view
def evaluations(request: Request, plane: Plane) -> Response:
    from chalicelib.api.local_evaluation import record_evaluations

    return record_evaluations(request, plane)


@json_view
def events(request: Request, plane: Plane) -> Response:
    return receive_events(request, plane)


def evidently_feature(request: Request, plane: Plane, _project: str, feature: str) -> Response:
    """A project is a name only: definitions have none. Loaded here, as hardly any function needs it."""
    from chalicelib.api import evidently

    return evidently.evaluate_feature(request, plane.evaluate, feature)


def evidently_features(request: Request, plane: Plane, project: str) -> Response:
    """The whole batch has the time of one request."""
    from chalicelib.api import evidently

    evaluate = partial(plane.evaluate, time=plane.new_evaluation_time())
    return evidently.evaluate_features(request, evaluate, project)


def evidently_events(request: Request, plane: Plane, _project: str) -> Response:
    from chalicelib.api.evidently_events import receive_project_events

    return receive_project_events(request, plane.ingest)


@json_view
def results(_: Request, plane: Plane, key: str) -> dict[str, Any]:
    return plane.results(key)


@json_view
def health(_: Request, plane: Plane) -> dict[str, Any]:
    return plane.health()


@json_view
def openapi_document(*_: object) -> str:
    from chalicelib.admin.openapi import OPERATIONS
    from chalicelib.api.openapi import make_document

    return make_document(OPERATIONS)


def assign_directly(plane: Plane, event: Any, context: Any) -> dict[str, Any]:
    return direct.assign(plane.assign, event, context)


def evaluate_directly(plane: Plane, event: Any, context: Any) -> dict[str, Any]:
    return direct.evaluate(plane.evaluate, event, context)
