"""Every route and event handler of the service, a few lines each; the logic is in chalicelib.

Every function imports this module, so it imports little. `prepare` loads what this function needs besides.
"""

from typing import Any

from chalice.app import AuthRequest, AuthResponse, DynamoDBEvent, KinesisEvent, Request, Response, SQSEvent

from chalicelib import deadline
from chalicelib.admin.routes import ROUTES, Route
from chalicelib.answers import count_answers
from chalicelib.api.application import Application, FixedRoutes
from chalicelib.api.cors import make_cors
from chalicelib.api.front_door import FrontDoor
from chalicelib.api.http import DENY, NO_DIRECT_CALL, list_allowed, make_auth_context
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
    return AuthResponse(list_allowed(access, app.routes), access.principal, make_auth_context(access))


@app.route("/assign", methods=["GET", "HEAD", "POST"], authorizer=api_key, **JSON)
def assign() -> Response:
    from chalicelib import views

    return views.assign(_request(), plane())


@app.route("/assign/batch", methods=["POST"], authorizer=api_key, **JSON)
def assign_batch() -> Response:
    from chalicelib import views

    return views.assign_batch(_request(), plane())


@app.route("/identify", methods=["POST"], authorizer=api_key, **JSON)
def identify() -> Response:
    from chalicelib import views

    return views.identify(_request(), plane())


@app.route("/flags/evaluate", methods=["GET", "HEAD", "POST"], authorizer=api_key, **JSON)
def evaluate() -> Response:
    from chalicelib import views

    return views.evaluate(_request(), plane())


@app.route("/flags/evaluate/batch", methods=["POST"], authorizer=api_key, **JSON)
def evaluate_batch() -> Response:
    from chalicelib import views

    return views.evaluate_batch(_request(), plane())


@app.route("/ofrep/v1/evaluate/flags/{key}", methods=["POST"], authorizer=api_key, **JSON)
def ofrep_flag(key: str) -> Response:
    from chalicelib import views

    return views.ofrep_flag(_request(), plane(), key)


@app.route("/ofrep/v1/evaluate/flags", methods=["POST"], authorizer=api_key, **JSON)
def ofrep_flags() -> Response:
    from chalicelib import views

    return views.ofrep_flags(_request(), plane())


@app.route(
    "/evidently/projects/{project}/evaluations/{feature}", methods=["POST"], authorizer=api_key, **JSON
)
def evidently_feature(project: str, feature: str) -> Response:
    from chalicelib import views

    return views.evidently_feature(_request(), plane(), project, feature)


@app.route("/evidently/projects/{project}/evaluations", methods=["POST"], authorizer=api_key, **JSON)
def evidently_features(project: str) -> Response:
    from chalicelib import views

    return views.evidently_features(_request(), plane(), project)


@app.route("/evidently/events/projects/{project}", methods=["POST"], authorizer=api_key, **JSON)
def evidently_events(project: str) -> Response:
    from chalicelib import views

    return views.evidently_events(_request(), plane(), project)


@app.route("/definitions", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
def definitions() -> Response:
    from chalicelib import views

    return views.definitions(_request(), plane())


@app.route("/evaluations", methods=["POST"], authorizer=api_key, **JSON)
def evaluations() -> Response:
    from chalicelib import views

    return views.evaluations(_request(), plane())


@app.route("/events", methods=["POST"], **JSON)  # reads the key itself: beacons cannot send the header
def events() -> Response:
    from chalicelib import views

    return views.events(_request(), plane())


@app.route("/experiments/{key}/results", methods=["GET", "HEAD"], authorizer=api_key, **JSON)
def results(key: str) -> Response:
    from chalicelib import views

    return views.results(_request(), plane(), key)


def _manage(route: Route) -> None:
    """Answers ``route`` of the management API. It has no CORS: only the console's own origin calls it."""

    @app.route(route.path, methods=[route.method], authorizer=api_key, cors=False, name=route.view, **JSON)
    def answer(**path: str) -> Response:
        return route.answer(_request(), plane(), **path)


for each in ROUTES:
    _manage(each)


@app.route("/health", methods=["GET", "HEAD"])
def health() -> Response:
    from chalicelib import views

    return views.health(_request(), plane())


@app.route("/openapi.json", methods=["GET", "HEAD"])
def openapi_document() -> Response:
    from chalicelib import views

    return views.openapi_document(_request(), plane())


@app.route("/console", methods=["GET", "HEAD"], cors=False)
def console() -> Response:
    from chalicelib.api.console import console

    return console(_request(), settings())


@app.route("/console/{name}", methods=["GET", "HEAD"], cors=False)
def console_file(name: str) -> Response:
    from chalicelib.api.console import console_file

    return console_file(_request(), settings(), name)


@app.lambda_function(name="assignment")
@counted
def assignment(event: dict[str, Any], context: Any) -> dict[str, Any]:
    from chalicelib import views

    return _answer_gateway(event, context) or views.assign_directly(plane(), event, context)


@app.lambda_function(name="feature_flags")
@counted
def feature_flags(event: dict[str, Any], context: Any) -> dict[str, Any]:
    from chalicelib import views

    return _answer_gateway(event, context) or views.evaluate_directly(plane(), event, context)


@app.lambda_function(name="admin")
@counted
def admin(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return _answer_gateway(event, context) or NO_DIRECT_CALL


@app.on_kinesis_record(
    stream=settings().event_stream,
    name="event_processor",
    batch_size=500,
    starting_position="TRIM_HORIZON",
    maximum_batching_window_in_seconds=1,
)
def event_processor(event: KinesisEvent) -> dict[str, Any]:
    return plane().process(event.to_dict(), deadline.make_reader(event.context, STREAM_SECONDS))


@app.on_sqs_message(queue=settings().webhook_queue, name="webhooks", batch_size=10)
def webhooks(event: SQSEvent) -> dict[str, Any]:
    return plane().deliver_webhooks(event.to_dict())


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
