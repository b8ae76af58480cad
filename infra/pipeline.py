"""The role that GitHub's pipeline assumes for one environment: to deploy, to validate, to roll back.

No secret is kept anywhere: GitHub signs a token for each run, and AWS trusts it for this repository and this
GitHub environment only, whose protection rules are therefore part of the trust.
"""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.environments import Environment, FunctionName
from infra.functions import LOGICAL, physical
from infra.resource_names import ResourceNames, Value, sub
from infra.roles import Calls
from infra.stack import add

ISSUER = "token.actions.githubusercontent.com"
SECONDS = 7_200
"""A production rollout takes half an hour; the credentials have to outlive it."""


class Pipeline(cdk.Stack):
    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        places: ResourceNames,
        repository: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-pipeline", **kwargs)
        add(self, resources(environment, places, repository), places.parameters)


def resources(environment: Environment, places: ResourceNames, repository: str) -> dict[str, dict[str, Any]]:
    provider = sub(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{ISSUER}")
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:aud": "sts.amazonaws.com",
                f"{ISSUER}:sub": f"repo:{repository}:environment:{environment.name}",
            }
        },
    }
    policy = {
        "Version": "2012-10-17",
        "Statement": [_deploy(), *validating(environment, places), *_roll_back(environment)],
    }
    role = {
        "RoleName": f"realtime-{environment.name}-pipeline",
        "MaxSessionDuration": SECONDS,
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "DeployValidateRollBack", "PolicyDocument": policy}],
    }
    return {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}


def _deploy() -> dict[str, Any]:
    """CDK's own bootstrap roles do the work."""
    roles = sub(
        "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/cdk-hnb659fds-*-${AWS::AccountId}-${AWS::Region}"
    )
    return _allow(("sts:AssumeRole",), roles)


PUBLISHING: Calls = {
    "experiments_table": ("dynamodb:Scan", "dynamodb:UpdateItem"),
    "flags_table": ("dynamodb:Scan", "dynamodb:UpdateItem"),
    "publications_table": (
        "dynamodb:ConditionCheckItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    ),
    "keys_table": ("dynamodb:PutItem", "dynamodb:Scan"),
}
"""Of the definitions that the smoke tests ask for, and of their key."""


def validating(environment: Environment, places: ResourceNames) -> list[dict[str, Any]]:
    """What tests/smoke asks, and the operator's commands that it calls; tests/e2e/test_deployment.py
    records those calls, and compares both ways."""
    name = environment.name
    tables = [places.arn(setting) for setting in places.names if setting.endswith("_table")]
    looking = ("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable")
    queues = [places.arn(setting) for setting in ("quarantine_queue", "failure_queue")]
    return [
        _allow(("cloudformation:DescribeStacks", "cloudformation:ListStackResources"), *_stacks(name)),
        _allow(looking, *tables),
        *(_allow(actions, places.arn(setting)) for setting, actions in PUBLISHING.items()),
        _allow(("kinesis:DescribeStreamSummary",), places.arn("event_stream")),
        _allow(("sqs:GetQueueAttributes", "sqs:GetQueueUrl"), *queues),
        _allow(("lambda:GetFunctionConfiguration", "lambda:InvokeFunction"), *_functions(environment)),
        _allow(("cloudwatch:DescribeAlarms", "logs:DescribeLogGroups"), "*"),
    ]


def _roll_back(environment: Environment) -> list[dict[str, Any]]:
    """What infra/rollback.py asks and changes."""
    versions = ("lambda:GetAlias", "lambda:ListVersionsByFunction", "lambda:UpdateAlias")
    listing = ("codedeploy:ListApplications", "codedeploy:ListDeploymentGroups", "codedeploy:ListDeployments")
    rollouts = _arn("codedeploy", f"deploymentgroup:realtime-{environment.name}-service-*")
    return [
        _allow(versions, *_functions(environment)),
        _allow(listing, "*"),
        _allow(("codedeploy:GetDeployment", "codedeploy:StopDeployment"), rollouts),
    ]


def _stacks(name: str) -> list[Value]:
    return [
        _arn("cloudformation", f"stack/realtime-{name}-{one}/*") for one in ("data", "service", "monitoring")
    ]


def _functions(environment: Environment) -> list[Value]:
    """And their aliases."""
    names: list[FunctionName] = list(LOGICAL)
    found = [_arn("lambda", f"function:{physical(name, environment)}") for name in names]
    return found + [_arn("lambda", f"function:{physical(name, environment)}:*") for name in names]


def _arn(service: str, resource: str) -> Value:
    return sub(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def _allow(actions: tuple[str, ...], *resources: Value) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
