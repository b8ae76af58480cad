"""The pipeline's role and workflows: whom the role trusts, and what it allows."""

from typing import Any

import yaml

from tests.support.paths import ROOT
from tests.support.synth import Template, Templates, of_type


def role(template: Templates) -> Template:
    (properties,) = of_type(template("everything", "pipeline"), "AWS::IAM::Role").values()
    return properties


def allowed(template: Templates) -> set[str]:
    (policy,) = role(template)["Policies"]
    statements: list[Any] = policy["PolicyDocument"]["Statement"]
    return {action for statement in statements for action in statement["Action"]}


def test_it_trusts_one_repository_in_one_environment(template: Templates) -> None:
    (trust,) = role(template)["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:acme/realtime:environment:prod",
    }


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
    }


def workflow(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text())
    return document


def test_what_may_have_been_wrong_before_is_reported_and_rolls_nothing_back() -> None:
    steps = workflow("deploy-one.yml")["jobs"]["deploy"]["steps"]
    (validate,) = [step for step in steps if step.get("id") == "validate"]
    (report,) = [step for step in steps if "-m state" in step.get("run", "")]
    (back,) = [step for step in steps if "--rollback" in step.get("run", "")]
    assert '-m "not state"' in validate["run"]
    assert report["continue-on-error"] is True
    assert back["if"] == "failure() && steps.validate.outcome == 'failure'"


def test_an_approval_that_is_waited_for_blocks_no_other_environment() -> None:
    assert "concurrency" not in workflow("deploy.yml")
    deploy = workflow("deploy-one.yml")["jobs"]["deploy"]
    assert deploy["concurrency"] == "deploy-${{ inputs.environment }}"


def test_a_push_to_main_cancels_no_check_that_a_deployment_waits_for() -> None:
    cancels = workflow("check.yml")["concurrency"]["cancel-in-progress"]
    assert cancels == "${{ github.event_name == 'pull_request' }}"
