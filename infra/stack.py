"""A CDK stack out of plain CloudFormation, so that what is asserted is what is written."""

import json
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk

from infra.environments import Environment

Resources = Mapping[str, Mapping[str, Any]]


def add(stack: cdk.Stack, resources: Resources, parameters: Mapping[str, str] | None = None) -> None:
    """Each resource under exactly its own logical id, whatever CDK would make of it; and those of
    ``parameters`` that they mention, whose values SSM has when the stack is deployed.
    """
    text = json.dumps(resources)
    for name, path in (parameters or {}).items():
        if f"${{{name}}}" in text:
            cdk.CfnParameter(stack, name, type="AWS::SSM::Parameter::Value<String>", default=path)
    for logical, found in resources.items():
        added = cdk.CfnResource(stack, logical, type=found["Type"], properties=found["Properties"])
        added.override_logical_id(logical)
        for attribute in found.keys() - {"Type", "Properties"}:
            added.add_override(attribute, found[attribute])


def kept(environment: Environment) -> dict[str, str]:
    """The policies of what outlives its stack; but for a creation that fails, whose names would then be taken
    when it is tried again.
    """
    if not environment.retain:
        return {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    return {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
