"""The application answers as Chalice itself does, only sooner."""

from typing import Any

import pytest
from chalice.app import BadRequestError, Chalice, Response

from chalicelib.api.application import Application, Cors, JsonResponse
from chalicelib.api.http import CORS


class Context:
    aws_request_id = "1"


def made(kind: type[Chalice]) -> Chalice:
    app = kind("test", env={})
    app.api.cors = CORS
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


def event(path: str, resource: str = "", method: str = "POST", **headers: str) -> dict[str, Any]:
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
    "asked",
    [
        event("/text"),
        event("/plain"),
        event("/named/x", "/named/{name}"),
        event("/refused"),
        event("/broken"),
        event("/bad-header"),
        event("/text", method="DELETE"),
        event("/plain", **{"Content-Type": "text/plain"}),
        event("/text", Accept="image/png"),
    ],
)
def test_an_answer_is_the_same(asked: dict[str, Any]) -> None:
    ours, chalices = made(Application), made(Chalice)
    assert ours(asked, Context()) == chalices(asked, Context())
    assert ours.lambda_context.aws_request_id == "1"


def test_cors_headers_are_the_same_and_not_shared() -> None:
    arguments: dict[str, Any] = {"allow_headers": ["If-None-Match"], "expose_headers": ["ETag"], "max_age": 5}
    ours = Cors(**arguments)
    first = ours.get_access_control_headers()
    first["X"] = "changed by whoever got it"
    assert ours.get_access_control_headers() == super(Cors, ours).get_access_control_headers()
