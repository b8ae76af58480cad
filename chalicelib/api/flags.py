"""Flag answers as JSON text: joined from fragments that were encoded when each flag was loaded."""

import json
from typing import Protocol

import mmh3
from chalice.app import Request, Response

from chalicelib.api.application import JsonResponse
from chalicelib.api.http import error_body, json_response
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import RealtimeError


class Answers(Protocol):
    @property
    def evaluations(self) -> list[Evaluation]: ...
    @property
    def failures(self) -> dict[str, RealtimeError]: ...


def batch(request: Request, answers: Answers) -> Response:
    """``{"flags": {key: answer or error}}``; 304 if the caller holds this very answer."""
    parts = [found.member for found in answers.evaluations]
    parts += [f"{json.dumps(key)}:{_encode(error)}" for key, error in answers.failures.items()]
    return tagged(request, '{"flags":{' + ",".join(parts) + "}}")


def tagged(request: Request, body: str) -> Response:
    """The ETag covers the body, hence both definitions and context."""
    etag = f'"{mmh3.hash128(body.encode()):032x}"'
    held = request.headers.get("if-none-match")
    if held and _holds(held, etag):
        return JsonResponse("", {"ETag": etag}, 304)
    return json_response(body, headers={"ETag": etag})


def _holds(header: str, etag: str) -> bool:
    """Compares weakly, and takes unquoted tags too: clients and proxies send every form."""
    held = (part.strip().removeprefix("W/").strip('"') for part in header.split(","))
    return any(tag in (etag.strip('"'), "*") for tag in held)


def _encode(error: RealtimeError) -> str:
    return json.dumps(error_body(error.code, error.message, error.details), separators=(",", ":"))
