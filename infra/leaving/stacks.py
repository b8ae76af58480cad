"""The stacks of one environment: which are there, and how one goes."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.environments import Environment

SECONDS_BETWEEN = 5.0
LAST = ("service", "data", "pipeline")
"""Stacks go in this order after all others: whatever reads a resource goes before what holds it."""


class StackFailed(Exception):
    """CloudFormation could not finish; its reasons are in the message."""


@dataclass(frozen=True, slots=True)
class Stack:
    name: str
    status: str
    is_protected: bool


def list_stacks(formation: Any, environment: Environment) -> list[Stack]:
    """In the order in which they go."""
    prefix = f"realtime-{environment.name}-"
    found = [
        Stack(each["StackName"], each["StackStatus"], bool(each.get("EnableTerminationProtection")))
        for page in formation.get_paginator("describe_stacks").paginate()
        for each in page["Stacks"]
        if each["StackName"].startswith(prefix)
        and each["StackStatus"] not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")
    ]
    order = {f"{prefix}{name}": place for place, name in enumerate(LAST, 1)}
    return sorted(found, key=lambda stack: (order.get(stack.name, 0), stack.name))


def delete_stack(formation: Any, stack: Stack, pause: Callable[[float], object] = time.sleep) -> None:
    """Returns when it is gone; raises StackFailed with the reasons if some of it stays."""
    if stack.is_protected:
        formation.update_termination_protection(StackName=stack.name, EnableTerminationProtection=False)
    formation.delete_stack(StackName=stack.name)
    wait(formation, stack.name, {"DELETE_COMPLETE"}, pause)


def wait(formation: Any, name: str, wanted: set[str], pause: Callable[[float], object] = time.sleep) -> None:
    """Until the stack has a status of ``wanted``; raises StackFailed if it comes to rest in another.

    A stack that is not there is deleted.
    """
    from botocore.exceptions import ClientError

    while True:
        try:
            (stack,) = formation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise
            stack = {"StackStatus": "DELETE_COMPLETE"}
        status: str = stack["StackStatus"]
        if status in wanted:
            return
        if not status.endswith("_IN_PROGRESS"):
            raise StackFailed(
                f"{name} is {status}: {'; '.join(list_reasons(formation, name)) or 'no reason given'}"
            )
        pause(SECONDS_BETWEEN)


def list_reasons(formation: Any, name: str) -> list[str]:
    """Of the latest failures, newest first."""
    events: Sequence[Mapping[str, Any]] = formation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
    return [
        f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in failed[:5]
        if event.get("ResourceStatusReason")
    ]
