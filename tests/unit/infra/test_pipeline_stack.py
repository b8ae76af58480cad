"""The pipeline's roles: whom they trust, and what they allow."""

from typing import Any

import pytest

from tests.support.synth import Template, Templates, of_type

DEPLOY, DIFF = "realtime-prod-${AWS::Region}-pipeline", "realtime-prod-${AWS::Region}-diff"


def role(template: Templates, name: str = DEPLOY) -> Template:
    roles = of_type(template("everything", "pipeline"), "AWS::IAM::Role").values()
    (properties,) = [role for role in roles if role["RoleName"] == {"Fn::Sub": name}]
    return properties


def allowed(template: Templates) -> set[str]:
    return {action for statement in statements(template) for action in statement["Action"]}


def statements(template: Templates, name: str = DEPLOY) -> list[Any]:
    (policy,) = role(template, name)["Policies"]
    document: list[Any] = policy["PolicyDocument"]["Statement"]
    return document


@pytest.mark.parametrize(("name", "environment"), [(DEPLOY, "prod"), (DIFF, "prod-diff")])
def test_each_role_trusts_one_repository_branch_and_environment(
    template: Templates, name: str, environment: str
) -> None:
    (trust,) = role(template, name)["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    claims = {key.rpartition(":")[2]: value for key, value in trust["Condition"]["StringEquals"].items()}
    assert claims == {
        "aud": "sts.amazonaws.com",
        "sub": f"repo:acme/realtime:environment:{environment}",
        "repository": "acme/realtime",
        "environment": environment,
        "ref": "refs/heads/main",
    }


def test_the_role_of_the_diff_only_reads(template: Templates) -> None:
    (statement,) = statements(template, DIFF)
    assert statement["Action"] == ["sts:AssumeRole"]
    (role_arn,) = statement["Resource"]
    assert ":role/cdk-hnb659fds-lookup-role-" in str(role_arn)


def test_its_credentials_outlive_a_rollout(template: Templates) -> None:
    assert role(template)["MaxSessionDuration"] == 7_200


def test_it_changes_nothing_but_by_cdks_roles_the_release_and_the_smoke_tests(template: Templates) -> None:
    reading = ("Describe", "List", "Get", "BatchGet", "ConditionCheck", "Query", "Scan")
    changing = {action for action in allowed(template) if not action.partition(":")[2].startswith(reading)}
    assert changing == {
        "sts:AssumeRole",
        "lambda:InvokeFunction",
        "states:StartExecution",
        "states:StopExecution",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "apigateway:DELETE",  # the gateway key of the smoke tests
        "apigateway:POST",
        "kms:Decrypt",  # to publish into encrypted tables
        "kms:GenerateDataKey",
        "s3:DeleteObject",  # snapshots of definitions
        "s3:PutObject",
    }
