"""The application answers as Chalice itself does."""

from typing import Any

import pytest
from chalice.app import BadRequestError, Chalice, Response

from chalicelib.api.application import Application, Cors, JsonResponse
from chalicelib.api.cors import make_cors


class Context:
    aws_request_id = "1"


def make_app(kind: type[Chalice]) -> Chalice:
    app = kind("test", env={})
    app.api.cors = make_cors("")
    app.api.binary_types = []

    @app.route("/text", methods=["POST"], content_types=[])
    def text() -> Response:
        return JsonResponse('{"a":1}', {"Content-Type": "application/json"}, 202)

    @app.route("/plain", methods=["POST"])
    def plain() -> dict[str, int]:
        return {"a": 1}

    @app.route("/named/{name}", methods=["POST"], content_types=[])
    def named(name: str) -> Response:
        request = app.current_request
        assert request
        return JsonResponse(f"{name} {request.headers['x-tag']}", {"Content-Type": "application/json"})

    @app.route("/refused", methods=["POST"])
    def refused() -> None:
        raise BadRequestError("no")

    @app.route("/broken", methods=["POST"])
    def broken() -> None:
        raise LookupError

    @app.route("/bad-header", methods=["POST"])
    def bad_header() -> Response:
        return JsonResponse("", {"X-Bad": "a\nb"})

    return app


def make_event(path: str, resource: str = "", method: str = "POST", **headers: str) -> dict[str, Any]:
    return {
        "requestContext": {"httpMethod": method, "resourcePath": resource or path},
        "path": path,
        "headers": {"Content-Type": "application/json", "X-Tag": "ü", **headers},
        "pathParameters": {"name": path.rsplit("/", maxsplit=1)[-1]} if "{" in resource else None,
        "stageVariables": None,
        "multiValueQueryStringParameters": None,
        "body": "{}",
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    "request_event",
    [
        make_event("/text"),
        make_event("/plain"),
        make_event("/named/x", "/named/{name}"),
        make_event("/refused"),
        make_event("/broken"),
        make_event("/bad-header"),
        make_event("/text", method="DELETE"),
        make_event("/plain", **{"Content-Type": "text/plain"}),
        make_event("/text", Accept="image/png"),
    ],
)
def test_an_answer_is_the_same(request_event: dict[str, Any]) -> None:
    ours, chalices = make_app(Application), make_app(Chalice)
    assert ours(request_event, Context()) == chalices(request_event, Context())
    assert ours.lambda_context.aws_request_id == "1"


def test_cors_headers_are_the_same_and_not_shared() -> None:
    arguments: dict[str, Any] = {"allow_headers": ["If-None-Match"], "expose_headers": ["ETag"], "max_age": 5}
    ours = Cors(**arguments)
    first = ours.get_access_control_headers()
    first["X"] = "changed by whoever got it"
    assert ours.get_access_control_headers() == super(Cors, ours).get_access_control_headers()
