"""CDK stacks of plain CloudFormation: tests see the same resources as the code."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infra.environments import Environment

if TYPE_CHECKING:
    import aws_cdk as cdk

Resources = Mapping[str, Mapping[str, Any]]


def add_resources(
    stack: "cdk.Stack", resources: Resources, parameters: Mapping[str, str] | None = None
) -> None:
    """Add ``resources`` under their own logical ids, which CDK would change.

    Of ``parameters``, a parameter's name and the SSM path of its value, add those that the resources mention.
    """
    import aws_cdk as cdk  # the pipeline releases and validates without it

    text = json.dumps(resources)
    for name, path in (parameters or {}).items():
        if f"${{{name}}}" in text:
            cdk.CfnParameter(stack, name, type="AWS::SSM::Parameter::Value<String>", default=path)
    for logical_id, resource in resources.items():
        cfn_resource = cdk.CfnResource(
            stack, logical_id, type=resource["Type"], properties=resource["Properties"]
        )
        cfn_resource.override_logical_id(logical_id)
        for attribute in resource.keys() - {"Type", "Properties"}:
            cfn_resource.add_override(attribute, resource[attribute])


def build_retention_policies(environment: Environment) -> dict[str, str]:
    """The deletion policies of resources that outlive their stack where the environment retains its data.

    A resource whose creation failed is deleted: otherwise its name would be taken at the next attempt.
    """
    if not environment.retain:
        return {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    return {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
