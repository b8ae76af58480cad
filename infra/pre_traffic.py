"""CodeDeploy's hook: the new version answers its probes before it gets any traffic (infra/probes.py)."""

import json
import os
from typing import Any

import boto3


def handler(event: dict[str, str], _context: object, aws: Any = boto3.client) -> None:
    wrong = probe(aws("lambda"), os.environ["NEW_VERSION"], json.loads(os.environ["PROBES"]))
    print(json.dumps({"version": os.environ["NEW_VERSION"], "wrong": wrong}))  # the log
    aws("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Failed" if wrong else "Succeeded",
    )


def probe(lambda_: Any, version: str, probes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What did not answer as expected; an exception of the call counts, and ends nothing."""
    wrong = []
    for one in probes:
        try:
            answer = lambda_.invoke(FunctionName=version, Payload=json.dumps(one["event"]))
            found = json.loads(answer["Payload"].read())
        except Exception as error:  # noqa: BLE001  # CodeDeploy waits an hour for a hook that says nothing
            found = repr(error)
        if not holds(one["expect"], found):
            wrong.append({"expected": one["expect"], "found": found})
    return wrong


def holds(expected: Any, found: Any) -> bool:
    """Every field of ``expected`` is in ``found``."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(holds(v, found.get(k)) for k, v in expected.items())
    return bool(expected == found)
