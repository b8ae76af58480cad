"""Flag answers as JSON text: joined from fragments that were encoded when each flag was loaded."""

import json

import mmh3
from chalice.app import Request, Response

from chalicelib.api.application import JsonResponse
from chalicelib.api.http import error_body, json_response
from chalicelib.domain.evaluation import Evaluations


def render_evaluations(request: Request, answers: Evaluations) -> Response:
    """``{"flags": {key: answer or error}}``; 304 if the caller has this very answer."""
    members = [evaluation.member for evaluation in answers.evaluations]
    for key, error in answers.failures.items():
        body = error_body(error.code, error.message, error.details)
        members.append(f"{json.dumps(key)}:{json.dumps(body, separators=(',', ':'))}")
    return respond_with_etag(request, '{"flags":{' + ",".join(members) + "}}")


def respond_with_etag(request: Request, body: str) -> Response:
    """The ETag covers the body, hence both definitions and context."""
    etag = f'"{mmh3.hash128(body.encode()):032x}"'
    if_none_match = request.headers.get("if-none-match")
    if if_none_match and _matches(if_none_match, etag):
        return JsonResponse("", {"ETag": etag}, 304)
    return json_response(body, headers={"ETag": etag})


def _matches(if_none_match: str, etag: str) -> bool:
    """Compares weakly, and takes unquoted tags too: clients and proxies send every form."""
    tags = (part.strip().removeprefix("W/").strip('"') for part in if_none_match.split(","))
    return any(tag in (etag.strip('"'), "*") for tag in tags)
