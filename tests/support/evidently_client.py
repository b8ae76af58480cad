"""A client of botocore for Evidently's data plane, by a description of our own.

Newer versions of botocore do not have the service any more. URIs, fields and errors are those that its API
reference documents; the protocol, retries and errors are botocore's.
"""

import json
from pathlib import Path
from typing import Any

import botocore.session
from botocore import UNSIGNED
from botocore.config import Config
from botocore.loaders import Loader

VERSION = "2021-02-01"
TEXT: dict[str, Any] = {"type": "string"}
JSON_TEXT = {"shape": "Text", "jsonvalue": True}
EVALUATION = {"entityId": {"shape": "Text"}, "evaluationContext": JSON_TEXT}
RESULT = {
    **{name: {"shape": "Text"} for name in ("variation", "reason", "entityId", "feature", "project")},
    "details": JSON_TEXT,
    "value": {"shape": "Value"},
}
EVENT = {"timestamp": {"shape": "Time"}, "type": {"shape": "Text"}, "data": JSON_TEXT}
EVENT_RESULT = {name: {"shape": "Text"} for name in ("eventId", "errorCode", "errorMessage")}
IN_URI = {name: {"shape": "Text", "location": "uri", "locationName": name} for name in ("project", "feature")}


def structure(members: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "structure", "members": members} | more


def error(status: int) -> dict[str, Any]:
    return structure({"message": {"shape": "Text"}}, exception=True, error={"httpStatusCode": status})


SHAPES: dict[str, Any] = {
    "Text": TEXT,
    "Time": {"type": "timestamp"},
    "Flag": {"type": "boolean"},
    "Long": {"type": "long"},
    "Double": {"type": "double"},
    "Number": {"type": "integer"},
    "Value": structure(
        {
            "boolValue": {"shape": "Flag"},
            "longValue": {"shape": "Long"},
            "doubleValue": {"shape": "Double"},
            "stringValue": {"shape": "Text"},
        }
    ),
    "EvaluateFeatureRequest": structure({**EVALUATION, **IN_URI}),
    "EvaluateFeatureResponse": structure(RESULT),
    "Item": structure({**EVALUATION, "feature": {"shape": "Text"}}),
    "Items": {"type": "list", "member": {"shape": "Item"}},
    "Results": {"type": "list", "member": {"shape": "EvaluateFeatureResponse"}},
    "BatchEvaluateFeatureRequest": structure({"project": IN_URI["project"], "requests": {"shape": "Items"}}),
    "BatchEvaluateFeatureResponse": structure({"results": {"shape": "Results"}}),
    "Event": structure(EVENT),
    "Events": {"type": "list", "member": {"shape": "Event"}},
    "EventResult": structure(EVENT_RESULT),
    "EventResults": {"type": "list", "member": {"shape": "EventResult"}},
    "PutProjectEventsRequest": structure({"project": IN_URI["project"], "events": {"shape": "Events"}}),
    "PutProjectEventsResponse": structure(
        {"failedEventCount": {"shape": "Number"}, "eventResults": {"shape": "EventResults"}}
    ),
    "ResourceNotFoundException": error(404),
    "ValidationException": error(400),
    "ThrottlingException": error(429),
}
ERRORS = [{"shape": name} for name in SHAPES if name.endswith("Exception")]
URIS = {
    "EvaluateFeature": "/projects/{project}/evaluations/{feature}",
    "BatchEvaluateFeature": "/projects/{project}/evaluations",
    "PutProjectEvents": "/events/projects/{project}",
}


def describe_service() -> dict[str, Any]:
    operations = {
        name: {
            "name": name,
            "http": {"method": "POST", "requestUri": uri},
            "input": {"shape": f"{name}Request"},
            "output": {"shape": f"{name}Response"},
            "errors": ERRORS,
            "endpoint": {"hostPrefix": "dataplane."},
        }
        for name, uri in URIS.items()
    }
    metadata = {
        "apiVersion": VERSION,
        "endpointPrefix": "evidently",
        "protocol": "rest-json",
        "serviceFullName": "Amazon CloudWatch Evidently",
        "serviceId": "Evidently",
        "signatureVersion": "v4",
    }
    return {"version": "2.0", "metadata": metadata, "operations": operations, "shapes": SHAPES}


def make_client(folder: Path, endpoint: str, key: str) -> Any:
    """As docs/evidently.md says: the key takes the signature's place."""
    service = folder / "evidently" / VERSION
    service.mkdir(parents=True)
    (service / "service-2.json").write_text(json.dumps(describe_service()))
    session = botocore.session.Session()
    session.register_component("data_loader", Loader([str(folder)]))
    client = session.create_client(
        "evidently",
        region_name="eu-west-1",
        endpoint_url=endpoint,
        config=Config(signature_version=UNSIGNED, inject_host_prefix=False, retries={"max_attempts": 0}),
    )

    def add_key(request: Any, **_: Any) -> None:
        request.headers["Authorization"] = f"Bearer {key}"

    client.meta.events.register("before-send.evidently", add_key)
    return client
