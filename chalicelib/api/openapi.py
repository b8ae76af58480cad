"""The OpenAPI 3.1 description of every route, made from the models that check the requests."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from chalicelib import __version__
from chalicelib.api import evidently_models as evidently
from chalicelib.api import models
from chalicelib.domain.definitions.field_types import Key

EXAMPLES = Path(__file__).with_name("examples.json")
"""Written by `python -m tests.support.api_examples`."""
KEY_ERRORS = (401, 403, 429, 500)

Example = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    method: str
    path: str
    summary: str
    answer: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    status: int = 200
    errors: tuple[int, ...] = ()
    is_public: bool = False
    takes_public_key: bool = False
    """In the query or the body; and the body as plain text, since a beacon can send no header."""
    has_etag: bool = False
    has_if_match: bool = False
    """The version that a change is based on, in the header If-Match."""
    may_wait: bool = False
    """202: somebody else has to approve it."""
    media: tuple[str, ...] = ()
    """Of an answer that is text and not JSON."""
    failure: type[BaseModel] = models.ErrorAnswer


_BAD_BODY = (400, 413, 415)
OPERATIONS = (
    Operation("get", "/assign", "Assign a user to a variant", models.AssignAnswer,
              query=models.AssignRequest, errors=(400, 404)),
    Operation("post", "/assign", "Assign a user to a variant", models.AssignAnswer,
              models.AssignRequest, errors=(*_BAD_BODY, 404)),
    Operation("post", "/assign/batch", "Assign a user in many or all active experiments",
              models.AssignBatchAnswer, models.AssignBatchRequest, errors=_BAD_BODY),
    Operation("post", "/identify", "Link an anonymous id to the user that signed in", models.IdentifyAnswer,
              models.IdentifyRequest, errors=(*_BAD_BODY, 409)),
    Operation("get", "/flags/evaluate", "Evaluate a flag for a user", models.FlagAnswer,
              query=models.FlagRequest, errors=(400, 404)),
    Operation("post", "/flags/evaluate", "Evaluate a flag for a user", models.FlagAnswer,
              models.FlagRequest, errors=(*_BAD_BODY, 404)),
    Operation("post", "/flags/evaluate/batch", "Evaluate many or all flags for a user",
              models.FlagBatchAnswer, models.FlagBatchRequest, errors=_BAD_BODY, has_etag=True),
    Operation("post", "/ofrep/v1/evaluate/flags/{key}", "Evaluate a flag (OpenFeature)", models.OfrepAnswer,
              models.OfrepRequest, errors=(400, 404), failure=models.OfrepFailure),
    Operation("post", "/ofrep/v1/evaluate/flags", "Evaluate all flags (OpenFeature)", models.OfrepBulkAnswer,
              models.OfrepRequest, errors=(400,), has_etag=True, failure=models.OfrepFailure),
    Operation("get", "/definitions", "What clients need that evaluate in their own process",
              models.LocalDefinitionsAnswer, errors=(413,), has_etag=True),
    Operation("post", "/evaluations", "Record up to 500 evaluations of such clients",
              models.EvaluationsAnswer, models.EvaluationsRequest, status=202, errors=_BAD_BODY,
              failure=models.EvaluationsFailure),
    Operation("post", "/events", "Send one event or up to 500", models.EventsAnswer,
              models.EventsRequest, status=202, errors=_BAD_BODY, failure=models.EventsFailure,
              takes_public_key=True),
    Operation("post", "/evidently/projects/{project}/evaluations/{feature}", "EvaluateFeature (Evidently)",
              evidently.EvidentlyAnswer, evidently.EvidentlyRequest, errors=(400, 404),
              failure=evidently.EvidentlyFailure),
    Operation("post", "/evidently/projects/{project}/evaluations", "BatchEvaluateFeature (Evidently)",
              evidently.EvidentlyBatchAnswer, evidently.EvidentlyBatchRequest, errors=(400, 404),
              failure=evidently.EvidentlyFailure),
    Operation("post", "/evidently/events/projects/{project}", "PutProjectEvents (Evidently)",
              evidently.EvidentlyEventsAnswer, evidently.EvidentlyEventsRequest, errors=(400,),
              failure=evidently.EvidentlyFailure),
    Operation("get", "/experiments/{key}/results", "Results of an experiment per variant",
              models.ResultsAnswer, errors=(404,)),
    Operation("get", "/health", "Status and version of the service", models.HealthAnswer, is_public=True),
    Operation("get", "/openapi.json", "This document", is_public=True),
    Operation("get", "/console", "The console, a page for operators", is_public=True, has_etag=True,
              media=("text/html",), errors=(404,)),
    Operation("get", "/console/{name}", "A file of the console", is_public=True, has_etag=True,
              media=("text/css", "text/javascript"), errors=(404,)),
)  # fmt: skip


@cache
def make_document(more: tuple[Operation, ...] = ()) -> str:
    """``more``: operations of other rooms."""
    operations, examples = (*OPERATIONS, *more), json.loads(EXAMPLES.read_text())
    used = {
        model
        for operation in operations
        for model in (operation.answer, operation.body, operation.failure)
        if model
    }
    modes: list[Any] = [(model, "validation") for model in sorted(used, key=lambda model: model.__name__)]
    _, schemas = models_json_schema(modes, ref_template="#/components/schemas/{model}")
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        own = examples.get(f"{operation.method.upper()} {operation.path}", {})
        described = _describe_operation(operation, own, examples["shared"])
        paths.setdefault(operation.path, {})[operation.method] = described
    return json.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "realtime",
                "version": __version__,
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "security": [{"key": []}],
            "paths": paths,
            "components": {
                "securitySchemes": {
                    "key": {"type": "http", "scheme": "bearer"},
                    "public_key": {
                        "type": "apiKey",
                        "in": "query",
                        "name": "key",
                        "description": "of the scope events:client; also as key in the body",
                    },
                },
                "schemas": schemas["$defs"],
            },
        }
    )


def _describe_operation(operation: Operation, example: Example, shared: Example) -> dict[str, Any]:
    """``example`` has parameters, request and answers; ``shared`` ones are by shape and status."""
    name = operation.path.strip("/").replace("/", "_").replace(".", "_").replace("{", "").replace("}", "")
    description: dict[str, Any] = {"summary": operation.summary, "operationId": f"{operation.method}_{name}"}
    if operation.is_public:
        description["security"] = []
    if operation.takes_public_key:
        description["security"] = [{"key": []}, {"public_key": []}]
    parameters = _describe_parameters(operation, example.get("parameters", {}))
    if parameters:
        description["parameters"] = parameters
    if operation.body:
        content = _refer_to(operation.body, example.get("request"))
        if operation.takes_public_key:
            content["text/plain"] = _refer_to(operation.body)["application/json"]
        is_required = operation.body is not models.OfrepRequest
        description["requestBody"] = {"required": is_required, "content": content}
    shapes = [model for model in (models.ErrorAnswer, operation.failure, operation.answer) if model]
    answers = {status: each for model in shapes for status, each in shared.get(model.__name__, {}).items()}
    description["responses"] = _describe_responses(operation, answers | example.get("answers", {}))
    return description


def _describe_parameters(operation: Operation, examples: Example) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = []
    for name in re.findall(r"{(\w+)}", operation.path):
        schema = _PARAMETERS.get(name) or TypeAdapter(Key).json_schema()
        parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    fields = operation.query.model_json_schema() if operation.query else {"properties": {}}
    for name, schema in fields["properties"].items():
        is_required = name in fields.get("required", [])
        parameters.append(
            {"name": name, "in": "query", "required": is_required, **_describe_value(name, schema)}
        )
    if operation.has_etag:
        parameters.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}})
    if operation.has_if_match:
        schema = {"type": "string", "pattern": '^"[0-9]+"$'}
        parameters.append({"name": "If-Match", "in": "header", "required": True, "schema": schema})
    for parameter in parameters:
        if parameter["name"] in examples:
            of_json = parameter.get("content", {}).get("application/json")
            (of_json or parameter)["example"] = examples[parameter["name"]]
    return parameters


def _describe_value(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Of a query, which refuses U+FFFD: it stands where bytes were no text. A context is sent as JSON."""
    if name == "context":
        return {"content": {"application/json": {"schema": schema}}}
    pattern = models.QUERY_PATTERNS.get(schema.get("pattern", ""))
    return {"schema": {**schema, "pattern": pattern} if pattern else schema}


def _describe_responses(operation: Operation, examples: Example) -> dict[str, Any]:
    """``examples`` by status."""
    succeeded = {str(operation.status): "OK"}
    if operation.may_wait:
        succeeded["202"] = "A proposal: somebody else has to approve it"
    responses: dict[str, Any] = {status: {"description": said} for status, said in succeeded.items()}
    if operation.answer:
        for status, response in responses.items():
            response["content"] = _refer_to(operation.answer, examples.get(status))
    for media in operation.media:
        responses[str(operation.status)].setdefault("content", {})[media] = {"schema": {"type": "string"}}
    if operation.has_etag:
        responses["304"] = {"description": "If-None-Match has the answer's ETag"}
    for status in sorted({*operation.errors, *(() if operation.is_public else KEY_ERRORS)}):
        responses[str(status)] = {
            "description": _DESCRIPTIONS[status],
            "content": _refer_to(operation.failure, examples.get(str(status))),
        }
    return responses


_PARAMETERS: dict[str, dict[str, Any]] = {
    "project": {"type": "string", "minLength": 1},
    "kind": {"enum": ["experiment", "flag", "segment"]},
    "version": {"type": "integer", "minimum": 1},
    "proposal_id": {"type": "string", "pattern": "^p-[0-9]{1,9}$"},
    "webhook_id": {"type": "string", "pattern": "^wh_[0-9a-f]{10}$"},
    "key_id": {"type": "string", "pattern": "^[0-9a-f]{12,64}$"},
}
"""Of a path; the others are keys of definitions."""
_DESCRIPTIONS = {
    400: "Invalid input; details name each field",
    401: "No key",
    403: "A key that is not accepted, or lacks the scope",
    404: "Unknown key",
    409: "Somebody else was first, or an id is linked to somebody else",
    412: "Somebody has published since; details name the version",
    413: "Too large",
    415: "Not JSON",
    428: "If-Match is missing",
    429: "Throttled; Retry-After in seconds",
    500: "The service or its store failed",
}


def _refer_to(model: type[BaseModel], example: Any = None) -> dict[str, Any]:
    media_type = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    return {"application/json": media_type | ({"example": example} if example is not None else {})}
