"""A Chalice application with one route for each case of the local gateway."""

from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, CORSConfig, Response


def build_http_app() -> Chalice:
    app = Chalice("test", env={})  # else it writes into os.environ
    app.api.cors = CORSConfig(expose_headers=["ETag"])
    app.api.binary_types = []

    @app.authorizer()
    def key(request: AuthRequest) -> AuthResponse:
        if request.token.endswith("broken"):
            raise RuntimeError(request.token)
        return AuthResponse(["/guarded"] if request.token.endswith("good") else [], "user")

    @app.route("/echo/{name}", methods=["GET", "HEAD", "POST"])
    def echo(name: str) -> dict[str, Any]:
        request = app.current_request
        assert request
        return {"name": name, "size": len(request.raw_body)}

    @app.route("/guarded", methods=["GET"], authorizer=key)
    def guarded() -> str:
        return "open"

    @app.route("/other", methods=["GET"], authorizer=key)
    def other() -> str:
        return "open"

    @app.route("/ofrep/v1/evaluate/flags", methods=["POST"], authorizer=key)
    def ofrep() -> str:
        return "open"

    @app.route("/unchanged", methods=["GET"])
    def unchanged() -> Response:
        return Response("", {"ETag": '"1"'}, 304)

    return app
