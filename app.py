"""Every route and event handler of the service, a few lines each; the logic is in chalicelib."""

from typing import Any

from chalice.app import AuthRequest, AuthResponse, DynamoDBEvent, KinesisEvent, Request, Response

from chalicelib import deadline
from chalicelib.answers import count_answers
from chalicelib.api import assignments, direct, flags, ofrep, openapi
from chalicelib.api.application import Application, FixedRoutes
from chalicelib.api.cors import make_cors
from chalicelib.api.events import receive_events
from chalicelib.api.front_door import FrontDoor
from chalicelib.api.http import (
    DENY,
    Model,
    is_client,
    json_view,
    make_auth_context,
    read_json,
    read_query,
    validate_request,
)
from chalicelib.api.models import (
    AssignBatchRequest,
    AssignRequest,
    FlagBatchRequest,
    FlagRequest,
    IdentifyRequest,
)
from chalicelib.log import add_trace_ids
from chalicelib.priming import prepare
from chalicelib.wiring import plane, settings, start_extension

add_trace_ids()
counted = count_answers(lambda: plane().metrics)
app = Application(app_name="realtime", configure_logs=False, count=counted)  # its log would be text, not JSON
app.api.binary_types = []  # answers are JSON text, and matching types takes a third of a request
app.api.cors = make_cors(settings().cors_headers)
STREAM_SECONDS = 60.0  # for a batch, if the context does not say how long it may take
JSON: dict[str, Any] = {"content_types": []}  # `read_json` checks it, and refuses in our error shape


# Chalice drops an authorizer called api_key from its API definition and asks for a gateway key instead.
@app.authorizer(name="authorizer", ttl_seconds=60)
@counted
def api_key(request: AuthRequest) -> AuthResponse | dict[str, Any]:
    with deadline.limit_online(None):
        access = plane().authorize(request.token)
    if not access.routes:
        return DENY
    return AuthResponse([*access.routes], access.principal, make_auth_context(access))


@app.route("/assign", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
@json_view
def assign_by_query() -> dict[str, Any]:
    request = _query(AssignRequest)
    result = plane().assign(request.user_id, request.experiment_key, request.context)
    return assignments.render_assignment(result)


@app.route("/assign", methods=["POST"], authorizer=api_key, **JSON)
@json_view
def assign() -> dict[str, Any]:
    request = _body(AssignRequest)
    result = plane().assign(request.user_id, request.experiment_key, request.context)
    return assignments.render_assignment(result)


@app.route("/assign/batch", methods=["POST"], authorizer=api_key, **JSON)
@json_view
def assign_batch() -> dict[str, Any]:
    request = _body(AssignBatchRequest)
    results = plane().assign_many(request.user_id, request.experiment_keys, request.context)
    return assignments.render_assignments(results)


@app.route("/identify", methods=["POST"], authorizer=api_key, **JSON)
@json_view
def identify() -> dict[str, Any]:
    request = _body(IdentifyRequest)
    return assignments.render_identified(
        request.anonymous_id, plane().identify(request.anonymous_id, request.user_id)
    )


@app.route("/flags/evaluate", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
@json_view
def evaluate_by_query() -> str:
    return _evaluate(_query(FlagRequest))


@app.route("/flags/evaluate", methods=["POST"], authorizer=api_key, **JSON)
@json_view
def evaluate() -> str:
    return _evaluate(_body(FlagRequest))


@app.route("/flags/evaluate/batch", methods=["POST"], authorizer=api_key, **JSON)
@json_view
def evaluate_batch() -> Response:
    request = _body(FlagBatchRequest)
    answers = plane().evaluate_many(
        request.user_id,
        request.flag_keys,
        request.context,
        only_client=is_client(_request()),
        expose=request.exposures,
    )
    return flags.render_evaluations(_request(), answers)


@app.route("/ofrep/v1/evaluate/flags/{key}", methods=["POST"], authorizer=api_key, **JSON)
@ofrep.ofrep_view
def ofrep_flag(key: str) -> Response:
    user_id, context = ofrep.read_request(_request())
    only_client = is_client(_request())
    answer = plane().evaluate(user_id, key, context, keep_user_id=True, only_client=only_client)
    return ofrep.render_evaluation(answer)


@app.route("/ofrep/v1/evaluate/flags", methods=["POST"], authorizer=api_key, **JSON)
@ofrep.ofrep_view
def ofrep_flags() -> Response:
    user_id, context = ofrep.read_request(_request())
    only_client = is_client(_request())
    answers = plane().evaluate_many(user_id, None, context, keep_user_id=True, only_client=only_client)
    return ofrep.render_evaluations(_request(), answers)


@app.route("/events", methods=["POST"], **JSON)  # reads the key itself: beacons cannot send the header
@json_view
def events() -> Response:
    return receive_events(_request(), plane())


@app.route("/experiments/{key}/results", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
@json_view
def results(key: str) -> dict[str, Any]:
    return plane().results(key)


@app.route("/health", methods=["GET", "HEAD"])
@json_view
def health() -> dict[str, Any]:
    return plane().health()


@app.route("/openapi.json", methods=["GET", "HEAD"])
@json_view
def openapi_document() -> str:
    return openapi.make_document()


@app.lambda_function(name="assignment")
@counted
def assignment(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _answer_gateway(event, context) or direct.assign(plane().assign, event, context)


@app.lambda_function(name="feature_flags")
@counted
def feature_flags(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _answer_gateway(event, context) or direct.evaluate(plane().evaluate, event, context)


@app.on_kinesis_record(
    stream=settings().event_stream,
    name="event_processor",
    batch_size=500,
    starting_position="TRIM_HORIZON",
    maximum_batching_window_in_seconds=1,
)
def event_processor(event: KinesisEvent) -> dict[str, Any]:
    return plane().process(event.to_dict(), deadline.make_reader(event.context, STREAM_SECONDS))


@app.on_dynamodb_record(
    stream_arn=settings().assignments_stream,
    name="assignment_sync",
    batch_size=500,
    starting_position="TRIM_HORIZON",
    maximum_batching_window_in_seconds=1,
)
def assignment_sync(event: DynamoDBEvent) -> dict[str, Any]:
    return plane().sync(event.to_dict(), deadline.make_reader(event.context, STREAM_SECONDS))


def _request() -> Request:
    request = app.current_request
    assert request is not None  # noqa: S101 - Chalice sets it before it calls a view
    return request


def _body(model: type[Model]) -> Model:
    return validate_request(model, read_json(_request()))


def _query(model: type[Model]) -> Model:
    return validate_request(model, read_query(_request()))


def _evaluate(request: FlagRequest) -> str:
    only_client = is_client(_request())
    answer = plane().evaluate(request.user_id, request.flag_key, request.context, only_client=only_client)
    return answer.encoded


def _answer_gateway(event: Any, context: Any) -> dict[str, Any] | None:
    """The answer to an event of a gateway; None for others. No request can imitate such an event."""
    is_from_gateway = isinstance(event, dict) and (
        "resourcePath" in (event.get("requestContext") or ()) or FrontDoor.takes(event)
    )
    answer: dict[str, Any] | None = Application.answer(app, event, context) if is_from_gateway else None
    return answer


app.routes = FixedRoutes(app.routes)
app.front_door = FrontDoor(app.routes, app.api.cors, lambda header: plane().authorize(header))
start_extension()
prepare({"app.assignment": assignment, "app.feature_flags": feature_flags})
