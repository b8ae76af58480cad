"""The emulator, with what a release asks of Lambda as AWS documents it.

Weights of an alias are drawn at each invocation, and aliases are checked. A version is published only of the
expected code, and only if something changed since the last one. A state machine may call every action of
Lambda. A minute of its waits takes 0.12 seconds.

The folder `RELEASE_EVENTS` holds `writes`, a line for each write of an alias, and `script.json`: what
happens when a function's weight is written, such as `{"realtime-dev-assignment 50": "alarm failed"}`.
"""

import datetime
import json
import os
import random
import runpy
import time
import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from ministack.core.responses import error_response_json, json_response
from ministack.services import cloudwatch, lambda_svc, stepfunctions

EVENTS = Path(os.environ["RELEASE_EVENTS"])
WATCHED = Path(__file__).parents[2] / "realtime" / "local" / "watched_ministack.py"
UNVERSIONED = ("Version", "FunctionArn", "RevisionId", "LastModified", "LastUpdateStatus", "State")
draw = random.Random(13)


@lru_cache
def get_client() -> Any:
    return boto3.client("lambda")


def call_lambda(_info: Any, _service: str, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action)
    try:
        answer = getattr(get_client(), method)(**arguments)
    except ClientError as error:
        details = error.response["Error"]
        raise stepfunctions._ExecutionError(f"Lambda.{details['Code']}", details["Message"]) from error
    answer.pop("ResponseMetadata")
    return {
        name: value.isoformat() if isinstance(value, datetime.datetime) else value
        for name, value in answer.items()
    }


def refuse(message: str) -> Any:
    return error_response_json("InvalidParameterValueException", message, 400)


def check_alias(function: str, data: dict[str, Any], current: dict[str, Any]) -> Any:
    """The error of an alias that Lambda would not take; None: it would."""
    versions = lambda_svc._functions[function]["versions"]
    main = data.get("FunctionVersion", current.get("FunctionVersion"))
    routing = data.get("RoutingConfig", current.get("RoutingConfig")) or {}
    weights = routing.get("AdditionalVersionWeights") or {}
    for version in (main, *weights):
        if version not in versions and (version != "$LATEST" or weights):
            return error_response_json("ResourceNotFoundException", f"Function not found: {version}", 404)
    if len(weights) > 1 or main in weights:
        return refuse("An alias has at most two different versions")
    if any(not 0 <= weight <= 1 for weight in weights.values()):
        return refuse("A weight is from 0.0 to 1.0")
    return None


def create_alias(function: str, data: dict[str, Any]) -> Any:
    return check_alias(function, data, {}) or original["_create_alias"](function, data)


def update_alias(function: str, name: str, data: dict[str, Any]) -> Any:
    current = lambda_svc._functions[function]["aliases"].get(name)
    refused = check_alias(function, data, current) if current else None
    if refused:
        return refused
    weights = data.get("RoutingConfig", {}).get("AdditionalVersionWeights") or {data["FunctionVersion"]: None}
    ((version, weight),) = weights.items()
    written = f"{function} {'all' if weight is None else round(100 * weight)}"
    happen(json.loads((EVENTS / "script.json").read_text()).get(written, ""), function, version, current)
    answer = original["_update_alias"](function, name, data)
    if answer[0] < 300:
        with (EVENTS / "writes").open("a") as log:
            print(written, version, file=log)
    return answer


def happen(event: str, function: str, version: str, alias: dict[str, Any]) -> None:
    if event.startswith("alarm "):
        alarm = cloudwatch._alarms[f"{function}-v{version}-{event.removeprefix('alarm ')}"]
        alarm["StateValue"] = "ALARM"
    elif event == "add a permission" and "touched" not in alias:
        alias |= {"RevisionId": str(uuid.uuid4()), "touched": True}
    elif event.startswith("calls "):
        dimensions = {"Environment": "dev", "Function": function, "Version": version}
        key = ("realtime", "Answered", cloudwatch._dims_key(dimensions))
        point = {"Timestamp": time.time(), "Value": float(event.removeprefix("calls ")), "Unit": "None"}
        cloudwatch._metric_bucket(key).append(point | {"Dimensions": dimensions})
    elif event == "move by hand":
        alias |= {"RevisionId": str(uuid.uuid4())}
        alias["RoutingConfig"] = {"AdditionalVersionWeights": {version: 0.3}}


def publish_version(function: str, data: dict[str, Any]) -> Any:
    stored = lambda_svc._functions[function]
    config = stored["config"]
    if data.get("CodeSha256") not in (None, config["CodeSha256"]):
        return refuse(f"CodeSHA256 ({data['CodeSha256']}) is different from current CodeSHA256")
    if data.get("RevisionId") not in (None, config["RevisionId"]):
        return error_response_json("PreconditionFailedException", "The revision is another one", 412)
    newest = max(stored["versions"], key=int, default=None)
    if newest and is_same(stored["versions"][newest]["config"], config):
        return json_response(stored["versions"][newest]["config"], 201)
    return original["_publish_version"](function, data)


def is_same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    names = one.keys() | other.keys()
    return all(one.get(name) == other.get(name) for name in names if not name.startswith(UNVERSIONED))


async def invoke(
    name: str, event: Any, headers: Any, path_qualifier: str | None = None, query_params: Any = None
) -> Any:
    qualifier = path_qualifier or (query_params or {}).get("Qualifier")
    if isinstance(qualifier, list):
        (qualifier,) = qualifier
    alias = lambda_svc._functions.get(name, {}).get("aliases", {}).get(qualifier)
    weights = (alias or {}).get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    for version, weight in weights.items():
        path_qualifier = version if draw.random() < weight else alias["FunctionVersion"]
    return await original["_invoke"](name, event, headers, path_qualifier, query_params)


REPLACED = {
    "_create_alias": create_alias,
    "_update_alias": update_alias,
    "_publish_version": publish_version,
    "_invoke": invoke,
}
original = {name: getattr(lambda_svc, name) for name in REPLACED}

if __name__ == "__main__":
    for replaced, replacement in REPLACED.items():
        setattr(lambda_svc, replaced, replacement)
    stepfunctions._dispatch_aws_sdk_lambda_rest = call_lambda
    stepfunctions._SFN_WAIT_SCALE = 0.002
    runpy.run_path(str(WATCHED))
