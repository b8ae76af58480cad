"""Renders flag answers: joins JSON that was encoded when each flag was loaded."""

import json

import mmh3
from chalice.app import Request, Response

from chalicelib.api.application import JsonResponse
from chalicelib.api.http import render_error, respond_with_json
from chalicelib.domain.evaluation import Evaluations


def render_evaluations(request: Request, answers: Evaluations) -> Response:
    """``{"flags": {key: answer or error}}``; 304 if ``If-None-Match`` has the answer's ETag."""
    members = [evaluation.member for evaluation in answers.evaluations]
    for key, error in answers.failures.items():
        body = render_error(error.code, error.message, error.details)
        members.append(f"{json.dumps(key)}:{json.dumps(body, separators=(',', ':'))}")
    return respond_with_etag(request, '{"flags":{' + ",".join(members) + "}}")


def respond_with_etag(request: Request, body: str) -> Response:
    """The ETag is a hash of the body, so it changes with definitions, user and context."""
    etag = f'"{mmh3.hash128(body.encode()):032x}"'
    if_none_match = request.headers.get("if-none-match")
    if if_none_match and matches_etag(if_none_match, etag):
        return JsonResponse("", {"ETag": etag}, 304)
    return respond_with_json(body, headers={"ETag": etag})


def matches_etag(if_none_match: str, etag: str) -> bool:
    """Weak comparison. It accepts unquoted tags, which some clients and proxies send."""
    tags = (part.strip().removeprefix("W/").strip('"') for part in if_none_match.split(","))
    return any(tag in (etag.strip('"'), "*") for tag in tags)
