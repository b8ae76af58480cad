"""Every route and event handler of the service, a few lines each; the logic is in chalicelib."""

from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, DynamoDBEvent, KinesisEvent, Response

from chalicelib.api import direct, flags, openapi
from chalicelib.api.http import CORS, DENY, answer, checked, json_response, read_json, read_query
from chalicelib.api.models import AssignBatchRequest, AssignRequest, FlagBatchRequest, FlagRequest
from chalicelib.wiring import plane, settings

app = Chalice(app_name="realtime")
app.api.binary_types = []  # every answer is JSON text; matching binary types costs a third of a request
app.api.cors = CORS
JSON: dict[str, Any] = {"content_types": []}  # ours is checked with the body, and refused in our error shape


@app.authorizer(ttl_seconds=60)
def api_key(request: AuthRequest) -> AuthResponse | dict[str, Any]:
    principal, routes = plane().authorizer.routes(request.token)
    return AuthResponse(routes, principal) if routes else DENY


@app.route("/assign", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
@answer
def assign_by_query() -> dict[str, Any]:
    request = checked(AssignRequest, read_query(app.current_request))
    return plane().assign(request.user_id, request.experiment_key, request.context, _remaining())


@app.route("/assign", methods=["POST"], authorizer=api_key, **JSON)
@answer
def assign() -> dict[str, Any]:
    request = checked(AssignRequest, read_json(app.current_request))
    return plane().assign(request.user_id, request.experiment_key, request.context, _remaining())


@app.route("/assign/batch", methods=["POST"], authorizer=api_key, **JSON)
@answer
def assign_batch() -> dict[str, Any]:
    request = checked(AssignBatchRequest, read_json(app.current_request))
    return plane().assign_batch(request.user_id, request.experiment_keys, request.context, _remaining())


@app.route("/flags/evaluate", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
@answer
def evaluate_by_query() -> str:
    request = checked(FlagRequest, read_query(app.current_request))
    return plane().evaluate(request.user_id, request.flag_key, request.context).encoded


@app.route("/flags/evaluate", methods=["POST"], authorizer=api_key, **JSON)
@answer
def evaluate() -> str:
    request = checked(FlagRequest, read_json(app.current_request))
    return plane().evaluate(request.user_id, request.flag_key, request.context).encoded


@app.route("/flags/evaluate/batch", methods=["POST"], authorizer=api_key, **JSON)
@answer
def evaluate_batch() -> Response:
    request = checked(FlagBatchRequest, read_json(app.current_request))
    answers = plane().evaluate_many(request.user_id, request.flag_keys, request.context)
    return flags.batch(app.current_request, answers)


@app.route("/events", methods=["POST"], authorizer=api_key, **JSON)
@answer
def events() -> Response:
    return json_response(plane().ingest(read_json(app.current_request), _remaining()), 202)


@app.route("/experiments/{key}/results", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
@answer
def results(key: str) -> dict[str, Any]:
    return plane().results(key)


@app.route("/health", methods=["GET", "HEAD"])
@answer
def health() -> dict[str, Any]:
    return plane().health()


@app.route("/openapi.json", methods=["GET", "HEAD"])
@answer
def openapi_document() -> str:
    return openapi.document()


@app.lambda_function(name="assignment")
def assignment(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return direct.assign(plane(), event, context)


@app.lambda_function(name="feature_flags")
def feature_flags(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return direct.evaluate(plane(), event)


@app.on_kinesis_record(
    stream=settings().event_stream,
    name="event_processor",
    batch_size=500,
    starting_position="TRIM_HORIZON",
    maximum_batching_window_in_seconds=1,
)
def event_processor(event: KinesisEvent) -> dict[str, Any]:
    return plane().process(event.to_dict(), direct.remaining(event.context))


@app.on_dynamodb_record(
    stream_arn=settings().assignments_stream,
    name="assignment_sync",
    batch_size=500,
    starting_position="TRIM_HORIZON",
    maximum_batching_window_in_seconds=1,
)
def assignment_sync(event: DynamoDBEvent) -> dict[str, Any]:
    return plane().sync(event.to_dict(), direct.remaining(event.context))


def _remaining() -> direct.Remaining:
    return direct.remaining(app.lambda_context)
