"""The roles that GitHub's pipeline assumes: one deploys, releases and validates, one shows a difference.

There is no stored secret. GitHub signs a token for each job, and AWS accepts it for this repository, branch
and GitHub environment only. So the environment's protection rules are part of the trust.
"""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.encryption import ENCRYPT, name_alias
from infra.environments import Environment
from infra.functions import get_function_name
from infra.monitoring.stack import list_topic_arns
from infra.release.names import get_machine_name
from infra.resource_names import ResourceNames, Value, substitute
from infra.roles import ActionsBySetting
from infra.stack import add_resources

BRANCH = "main"
ISSUER = "token.actions.githubusercontent.com"
SESSION_SECONDS = 7_200
"""How long the credentials are valid. A production rollout takes half an hour."""


class Pipeline(cdk.Stack):
    def __init__(
        self,
        scope: Construct,
        environment: Environment,
        names: ResourceNames,
        repository: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-pipeline", **kwargs)
        add_resources(self, build_resources(environment, names, repository), names.parameters)


def build_resources(
    environment: Environment, names: ResourceNames, repository: str
) -> dict[str, dict[str, Any]]:
    statements = [
        _allow_cdk("deploy", "file-publishing", "lookup"),
        *build_validation_statements(environment, names),
        *_allow_keys(environment, names),
        *allow_release(environment),
    ]
    name = environment.name
    return {
        "Role": _build_role(f"{name}-${{AWS::Region}}-pipeline", repository, name, statements),
        # What an approval is about: the difference, read by a role that changes nothing.
        "DiffRole": _build_role(
            f"{name}-${{AWS::Region}}-diff", repository, f"{name}-diff", [_allow_cdk("lookup")]
        ),
    }


def _build_role(
    role_name: str, repository: str, github_environment: str, statements: list[dict[str, Any]]
) -> dict[str, Any]:
    """Names of roles are the account's, so ``role_name`` has the region."""
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": substitute(f"realtime-{role_name}"),
            "MaxSessionDuration": SESSION_SECONDS,
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [_trust(repository, github_environment)],
            },
            "Policies": [
                {
                    "PolicyName": "Pipeline",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
            ],
        },
    }


def _trust(repository: str, github_environment: str) -> dict[str, Any]:
    """Trust jobs of one repository, branch and GitHub environment. STS compares each claim by itself."""
    provider = substitute(f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:oidc-provider/{ISSUER}")
    claims = {
        "aud": "sts.amazonaws.com",
        "sub": f"repo:{repository}:environment:{github_environment}",
        "repository": repository,
        "environment": github_environment,
        "ref": f"refs/heads/{BRANCH}",
    }
    return {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:{claim}": value for claim, value in claims.items()}},
    }


def _allow_cdk(*purposes: str) -> dict[str, Any]:
    """CDK works through the roles of its bootstrap stack; each has one purpose."""
    roles = (
        substitute(
            f"arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/cdk-hnb659fds-{purpose}-role-"
            "${AWS::AccountId}-${AWS::Region}"
        )
        for purpose in purposes
    )
    return _allow(("sts:AssumeRole",), *roles)


PUBLISH_ACTIONS: ActionsBySetting = {
    "experiments_table": ("dynamodb:Scan", "dynamodb:UpdateItem"),
    "flags_table": ("dynamodb:Scan", "dynamodb:UpdateItem"),
    "segments_table": ("dynamodb:Scan", "dynamodb:UpdateItem"),
    "publications_table": (
        "dynamodb:ConditionCheckItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
    ),
    "keys_table": ("dynamodb:PutItem", "dynamodb:Scan"),
    "contexts_table": ("dynamodb:Scan",),
}
"""To publish the definitions of the smoke tests, to say what changes, and to make and revoke their key."""


def build_validation_statements(environment: Environment, names: ResourceNames) -> list[dict[str, Any]]:
    """The calls of tests/smoke and of the operator's commands that it runs.

    tests/e2e/test_deployment.py records those calls and compares them, both ways.
    """
    name = environment.name
    tables = [names.get_arn(setting) for setting in names.by_setting if setting.endswith("_table")]
    describe_actions = ("dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable")
    queues = [names.get_arn(setting) for setting in ("quarantine_queue", "failure_queue")]
    return [
        _allow(
            ("cloudformation:DescribeStacks", "cloudformation:ListStackResources"), *_list_stack_arns(name)
        ),
        _allow(describe_actions, *tables),
        *(_allow(actions, names.get_arn(setting)) for setting, actions in PUBLISH_ACTIONS.items()),
        # the snapshots that each publish and each change of a key leave, and those that they delete
        _allow(
            ("s3:DeleteObject", "s3:GetObject", "s3:PutObject"),
            names.get_arn("archive_bucket", "/definitions/*"),
            names.get_arn("archive_bucket", "/keys/*"),
        ),
        _allow(("s3:ListBucket",), names.get_arn("archive_bucket")),
        _allow(("kinesis:DescribeStreamSummary",), names.get_arn("event_stream")),
        _allow(("sqs:GetQueueAttributes", "sqs:GetQueueUrl"), *queues),
        _allow(
            ("lambda:GetFunctionConfiguration", "lambda:InvokeFunction"), *_list_function_arns(environment)
        ),
        _allow(("sns:ListSubscriptionsByTopic",), *list_topic_arns(environment)),
        _allow(("cloudwatch:DescribeAlarms", "logs:DescribeLogGroups"), "*"),
        *(_allow_gateway_key() if environment.usage_plan else ()),
    ]


def _allow_keys(environment: Environment, names: ResourceNames) -> list[dict[str, Any]]:
    """To publish into tables that a key encrypts. A created key may not exist yet, so its alias names it."""
    keys: list[Value] = list(names.platform_resources.kms_keys) if names.platform_resources else []
    statements = []
    if environment.kms_key == "create":
        aliases = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": name_alias(environment)}}
        statements.append({**_allow(ENCRYPT, _build_arn("kms", "key/*")), "Condition": aliases})
    elif environment.kms_key:
        keys.append(environment.kms_key)
    return statements + ([_allow(ENCRYPT, *keys)] if keys else [])


def _allow_gateway_key() -> list[dict[str, Any]]:
    """To make a key of the usage plan for one run, and to delete it; neither has an id yet."""
    root = "arn:${AWS::Partition}:apigateway:${AWS::Region}::"
    made = [substitute(f"{root}/apikeys"), substitute(f"{root}/usageplans/*/keys")]
    return [
        _allow(("apigateway:POST",), *made),
        _allow(("apigateway:DELETE",), substitute(f"{root}/apikeys/*")),
    ]


def allow_release(environment: Environment) -> list[dict[str, Any]]:
    """The calls of `python -m infra.release`. The state machine moves the traffic, with a role of its own."""
    name = get_machine_name(environment)
    machine, executions = f"stateMachine:{name}", f"execution:{name}:*"
    functions = [
        _build_arn("lambda", f"function:{get_function_name(name, environment)}")
        for name in environment.functions
    ]
    return [
        _allow(("states:ListExecutions", "states:StartExecution"), _build_arn("states", machine)),
        _allow(("states:DescribeExecution", "states:StopExecution"), _build_arn("states", executions)),
        _allow(("lambda:GetAlias",), *functions),
    ]


def _list_stack_arns(name: str) -> list[Value]:
    return [
        _build_arn("cloudformation", f"stack/realtime-{name}-{stack}/*")
        for stack in ("data", "service", "monitoring")
    ]


def _list_function_arns(environment: Environment) -> list[Value]:
    """Of the functions, and of their versions and aliases."""
    names = list(environment.functions)
    functions = [_build_arn("lambda", f"function:{get_function_name(name, environment)}") for name in names]
    return functions + [
        _build_arn("lambda", f"function:{get_function_name(name, environment)}:*") for name in names
    ]


def _build_arn(service: str, resource: str) -> Value:
    return substitute(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def _allow(actions: tuple[str, ...], *resources: Value) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
