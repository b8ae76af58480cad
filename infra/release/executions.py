"""Executions of the release's state machine: start one, stop those that run, follow one to its end."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.environments import Environment
from infra.release.names import get_machine_name
from infra.target import Target

SECONDS_BETWEEN = 5.0
CHECKS = 12
RUNNING = "RUNNING"


class ReleaseError(Exception):
    """The release cannot be started, or its state cannot be read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    status: str
    """SUCCEEDED, FAILED, ABORTED or TIMED_OUT."""
    output: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    states: Any
    """A boto3 client of Step Functions."""
    arn: str
    pause: Callable[[float], object] = time.sleep

    def list_running(self) -> list[dict[str, Any]]:
        pages = self.states.get_paginator("list_executions")
        found = pages.paginate(stateMachineArn=self.arn, statusFilter=RUNNING)
        return [execution for page in found for execution in page["executions"]]

    def start(self, order: dict[str, Any]) -> str:
        """The ARN of the new execution."""
        now = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        name = f"{order['action']}-{now}-{uuid.uuid4().hex[:6]}"
        answer = self.states.start_execution(stateMachineArn=self.arn, name=name, input=json.dumps(order))
        arn: str = answer["executionArn"]
        return arn

    def stop_running(self, by: str) -> list[str]:
        """Stop every release that runs, and wait until it has. Its aliases stay where they are."""
        running = [execution["executionArn"] for execution in self.list_running()]
        for arn in running:
            self.states.stop_execution(executionArn=arn, error="RolledBack", cause=f"rolled back by {by}")
        for _ in range(CHECKS):
            if not any(self.describe(arn)["status"] == RUNNING for arn in running):
                break
            self.pause(SECONDS_BETWEEN)
        if running:
            self.pause(SECONDS_BETWEEN)  # a call that was under way may still take effect
        return running

    def describe(self, arn: str) -> dict[str, Any]:
        execution: dict[str, Any] = self.states.describe_execution(executionArn=arn)
        return execution

    def follow(self, arn: str, watch: Callable[[], None]) -> Outcome:
        """Call ``watch`` now and then until the execution ends."""
        while (execution := self.describe(arn))["status"] == RUNNING:
            watch()
            self.pause(SECONDS_BETWEEN)
        watch()
        return Outcome(
            execution["status"],
            json.loads(execution.get("output") or "{}"),
            execution.get("error", ""),
            execution.get("cause", ""),
        )


def find_machine(
    aws: Any, environment: Environment, target: Target, pause: Callable[[float], object] = time.sleep
) -> Machine:
    partition = aws.get_partition_for_region(target.region)
    name = get_machine_name(environment)
    arn = f"arn:{partition}:states:{target.region}:{target.account}:stateMachine:{name}"
    return Machine(aws.client("stepfunctions"), arn, pause)
