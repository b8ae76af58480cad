"""Somebody is told when a release or a rollback fails, is stopped, or ends without an end of its own."""

from typing import Any

from infra.environments import Environment
from infra.release.names import get_machine_name
from infra.resource_names import Value, substitute


def build_rule(environment: Environment, topic: Value) -> dict[str, Any]:
    """Step Functions runs no state when an execution is stopped, so only this rule sees it."""
    machine = substitute(
        "arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:stateMachine:"
        + get_machine_name(environment)
    )
    pattern = {
        "source": ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "ABORTED", "TIMED_OUT"], "stateMachineArn": [machine]},
    }
    message = f'"{environment.name}: <name> ended with <status> <error>. <cause> What to do: docs/release.md"'
    fields = ("name", "status", "error", "cause")
    transformer = {
        "InputPathsMap": {field: f"$.detail.{field}" for field in fields},
        "InputTemplate": message,
    }
    target = {"Id": "Topic", "Arn": topic, "InputTransformer": transformer}
    properties = {"EventPattern": pattern, "State": "ENABLED", "Targets": [target]}
    return {"Type": "AWS::Events::Rule", "Properties": properties}


def allow_events(topic: Value) -> dict[str, Any]:
    """The statement of the topic's policy. EventBridge takes no condition on the account there."""
    return {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }
