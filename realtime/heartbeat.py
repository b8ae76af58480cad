"""The heartbeat: a decision every minute, and a look whether the one before was counted.

Every few minutes it also says whether the snapshot of API keys is still what their table has.

It runs as a Lambda function of this file alone (infra/monitoring/heartbeat.py), and in the local stack. It
imports nothing of this project, so that a fault of the bundle cannot stop what watches it.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

FLAG = "realtime.heartbeat"
SCOPE = f"flag/{FLAG}"
HEADER = "Bearer rt_health"
"""The key opens /health alone, which is open to everybody (chalicelib/domain/heartbeat.py)."""
FIELDS = "id", "label", "scopes", "created", "revoked", "expires"
CONFIRM_SECONDS = 240
READING = ("Enabled", "Enabling", "Creating", "Updating")
_last: dict[str, str] = {}


def handler(
    _event: object,
    _context: object,
    aws: Any = None,
    clock: Callable[[], float] = time.time,
    emit: Callable[[str], object] = print,
) -> None:
    """Raises what AWS or `decide` raise: then there is no beat, and the alarm rings."""
    if aws is None:
        import boto3

        aws = boto3.client
    env = os.environ
    name, now = env["AWS_LAMBDA_FUNCTION_NAME"], clock()
    prefix, lambda_, dynamodb = name.removesuffix("heartbeat"), aws("lambda"), aws("dynamodb")
    emit(_format_line(name, "EventSourcesDisabled", count_disabled(lambda_, prefix), now))
    if has_moved(_last, read_counter(dynamodb, env["COUNTERS_TABLE"], now)):
        emit(_format_line(name, "Heartbeat", 1, now))
    if env.get("HAS_AUTHORIZER"):
        check_authorizer(lambda_, prefix)
    check_decision(_call(lambda_, f"{prefix}feature_flags:live", build_decision(now)))
    if now - float(_last.get("confirmed", 0)) >= CONFIRM_SECONDS:
        _last["confirmed"] = str(now)
        try:
            confirm_keys(aws("s3"), env["ARCHIVE_BUCKET"], dynamodb, env["KEYS_TABLE"], now)
        except Exception as error:  # noqa: BLE001 - the snapshot grows old, and the beat goes on
            emit(f"keys not confirmed: {error}")


def confirm_keys(s3: Any, bucket: str, dynamodb: Any, table: str, now: float) -> None:
    """Say that the snapshot of keys is what the table has, if it is (chalicelib/domain/key_snapshot.py)."""
    pointer = json.loads(s3.get_object(Bucket=bucket, Key="keys/current.json")["Body"].read())
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    rows = sorted([_read(item, name) for name in FIELDS] for page in pages for item in page["Items"])
    if _digest([pointer["format"], rows]) == pointer["sha256"]:
        pointer["in_force_at"] = datetime.fromtimestamp(now, UTC).isoformat()
        s3.put_object(Bucket=bucket, Key="keys/confirmed.json", Body=json.dumps(pointer))


def has_moved(last: dict[str, str], seen: str) -> bool:
    """Whether the counter has changed since the last call, which ``last`` keeps. False at the first call."""
    before, last["seen"] = last.get("seen", seen), seen
    return seen != before


def read_counter(dynamodb: Any, table: str, now: float) -> str:
    """A digest of what was counted since yesterday."""
    day = datetime.fromtimestamp(now, UTC) - timedelta(days=1)
    items = dynamodb.query(
        TableName=table,
        KeyConditionExpression="id = :id AND #day >= :day",
        ExpressionAttributeNames={"#day": "counter"},
        ExpressionAttributeValues={":id": {"S": SCOPE}, ":day": {"S": f"{day:%Y-%m-%d}"}},
        ConsistentRead=True,
    )["Items"]
    return _digest(items)


def build_decision(now: float, seconds: float = 60) -> dict[str, Any]:
    """For another user every time: a container sends the same answer for the same user once."""
    return {"user_id": f"heartbeat-{int(now // seconds)}", "flag_key": FLAG, "context": {}}


def check_decision(answer: dict[str, Any]) -> None:
    if answer.get("variant") != "on":
        raise RuntimeError("feature_flags does not answer the heartbeat")


def check_authorizer(lambda_: Any, prefix: str) -> None:
    arn = "arn:aws:execute-api:us-east-1:000000000000:heartbeat/api/GET/health"
    event = {"type": "TOKEN", "authorizationToken": HEADER, "methodArn": arn}
    if _call(lambda_, f"{prefix}authorizer:live", event).get("principalId") != "health":
        raise RuntimeError("the authorizer refuses the heartbeat's key")


def count_disabled(lambda_: Any, prefix: str) -> int:
    """The functions that do not read their stream."""
    count = 0
    for name in ("event_processor", "assignment_sync"):
        answer = lambda_.list_event_source_mappings(FunctionName=f"{prefix}{name}:live")
        states = [source["State"] for source in answer["EventSourceMappings"]]
        count += not states or any(state not in READING for state in states)
    return count


def _read(item: Any, name: str) -> Any:
    value = item.get(name, {})
    return sorted(value["SS"]) if "SS" in value else value.get("S")


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _call(lambda_: Any, function: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = lambda_.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    return body


def _format_line(function: str, metric: str, value: float, now: float) -> str:
    """In CloudWatch's embedded metric format, as chalicelib/metrics.py writes it."""
    dimensions = {"Environment": os.environ["REALTIME_ENV"], "Function": function}
    directive = {"Namespace": "realtime", "Dimensions": [[*dimensions]], "Metrics": [{"Name": metric}]}
    metadata = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": metadata, **dimensions, metric: value})
