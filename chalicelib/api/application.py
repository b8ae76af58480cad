"""Chalice without what JSON answers do not need, which halves the time of a request.

``make bench`` measures it; tests/unit/api/test_application.py checks that Chalice itself answers the same.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

from chalice.app import Chalice, CORSConfig, Response, RestAPIEventHandler

from chalicelib import deadline


class Door(Protocol):
    """Answers events of other gateways than a REST API (chalicelib/api/front_door.py)."""

    def takes(self, event: Any) -> bool: ...
    def answer(self, event: Any, handle: Callable[[Any], Any]) -> Any: ...


class Application(Chalice):
    """A Lambda handler. `chalice local` and Chalice's test client do not use it, but Chalice's own code.

    ``count`` decorates what answers (chalicelib/answers.py).
    """

    front_door: Door | None = None

    def __init__(
        self,
        *args: Any,
        count: Callable[[Callable[..., Any]], Callable[..., Any]] = lambda answer: answer,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        self._answer_counted = count(self.answer)

    def __call__(self, event: Any, context: Any) -> Any:
        return self._answer_counted(event, context)

    def answer(self, event: Any, context: Any) -> Any:
        """As `__call__`, for a Lambda function that counts its answers itself."""
        self.lambda_context = context
        with deadline.limit_online(context):
            if self.front_door is not None and self.front_door.takes(event):
                return self.front_door.answer(event, lambda adapted: _handle(self, adapted, context))
            return _handle(self, event, context)


def _handle(app: Chalice, event: Any, context: Any) -> Any:
    """The answer to an event of a REST API. Not a method: locally the app has a class of `chalice local`."""
    handler = _Handler(app.routes, app.api, app.log, app.debug)
    app.current_request = handler.create_request_object(event, context)
    return handler(event, context)


class FixedRoutes(dict[str, dict[str, Any]]):
    """Chalice's table, once all routes are in it: it would grow by each unknown path that is looked up."""

    def __missing__(self, path: str) -> dict[str, Any]:
        return {}


class JsonResponse(Response):
    """A body of text, and one value for each header: nothing to encode, nothing to sort."""

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:
        del binary_types
        return {
            "headers": self.headers,
            "multiValueHeaders": {},
            "statusCode": self.status_code,
            "body": self.body,
        }


class Cors(CORSConfig):
    """Computes its headers once."""

    @cached_property
    def _headers(self) -> dict[str, str]:
        return super().get_access_control_headers()

    def get_access_control_headers(self) -> dict[str, str]:
        return self._headers.copy()


class _Handler(RestAPIEventHandler):
    """Skips middleware and binary bodies."""

    def __call__(self, event: Any, context: Any) -> Any:
        try:
            response = self._main_rest_api_handler(event, context)
        except Exception:  # noqa: BLE001 - as in Chalice, whose method logs it
            response = self._unhandled_exception_to_response()
        return response.to_dict(self.api.binary_types)

    def _validate_binary_response(self, *_: Any) -> bool:
        return True
