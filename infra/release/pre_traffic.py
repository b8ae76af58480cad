"""CodeDeploy's hook: the new version answers its probes (infra/release/probes.py) before any traffic."""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import boto3

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds; together less than the hook's timeout."""


def handler(
    event: dict[str, str],
    _context: object,
    aws: Any = boto3.client,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    wrong = probe(aws("lambda"), os.environ["NEW_VERSION"], json.loads(os.environ["PROBES"]), pause)
    print(json.dumps({"version": os.environ["NEW_VERSION"], "wrong": wrong}))  # the log
    aws("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Failed" if wrong else "Succeeded",
    )


def probe(
    lambda_: Any, version: str, probes: list[dict[str, Any]], pause: Callable[[float], object]
) -> list[dict[str, Any]]:
    """The probes that were not answered as expected; a call that raises is one of them."""
    pauses = iter(PAUSES)
    wrong = []
    for case in probes:
        answer = ask(lambda_, version, case["event"])
        # IAM takes a moment until it lets the hook call a new version.
        while answer == DENIED and (seconds := next(pauses, None)):
            pause(seconds)
            answer = ask(lambda_, version, case["event"])
        if not matches(case["expect"], answer):
            wrong.append({"expected": case["expect"], "found": answer})
    return wrong


DENIED = "AccessDeniedException"


def ask(lambda_: Any, version: str, event: Any) -> Any:
    """The answer; of a call that raised, the error's code or name."""
    try:
        answer = lambda_.invoke(FunctionName=version, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())
    except Exception as error:  # noqa: BLE001  # CodeDeploy waits an hour for a hook that says nothing
        code = getattr(error, "response", {}).get("Error", {}).get("Code")
        return code or repr(error)


def matches(expected: Any, answer: Any) -> bool:
    """Whether every field of ``expected`` is in ``answer``."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(matches(v, answer.get(k)) for k, v in expected.items())
    return bool(expected == answer)
