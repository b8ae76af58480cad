"""Flag answers as JSON text: joined from fragments that were encoded when each flag was loaded."""

import json
from collections.abc import Iterable

import mmh3
from chalice.app import Request, Response

from chalicelib.api.http import error_body, json_response
from chalicelib.domain.definitions import Evaluation
from chalicelib.domain.errors import RealtimeError


def batch(request: Request, answers: Iterable[tuple[str, Evaluation | RealtimeError]]) -> Response:
    """``{"flags": {key: answer or error}}``; 304 if the caller holds this very answer."""
    parts = [f'"{key}":{_encode(found)}' for key, found in answers]
    return tagged(request, '{"flags":{' + ",".join(parts) + "}}")


def tagged(request: Request, body: str) -> Response:
    """The ETag covers the body, hence both definitions and context."""
    etag = f'"{mmh3.hash128(body.encode()):032x}"'
    if _holds(request.headers.get("if-none-match", ""), etag):
        return Response("", {"ETag": etag}, 304)
    return json_response(body, headers={"ETag": etag})


def _holds(header: str, etag: str) -> bool:
    """Compares weakly, and takes unquoted tags too: clients and proxies send every form."""
    held = (part.strip().removeprefix("W/").strip('"') for part in header.split(","))
    return any(tag in (etag.strip('"'), "*") for tag in held)


def _encode(found: Evaluation | RealtimeError) -> str:
    if isinstance(found, Evaluation):
        return found.encoded
    return json.dumps(error_body(found.code, found.message, found.details), separators=(",", ":"))
