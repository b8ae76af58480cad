"""Rollback in one command: moto plays Lambda, which keeps versions and aliases as AWS does."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from infra import environments
from infra.functions import LOGICAL_IDS, get_function_name
from infra.release import rollback

DEV = environments.load("dev")


class Rollouts:
    """CodeDeploy with a running rollout in each application; moto has no CodeDeploy for Lambda.

    A stopped rollout moves the traffic of `assignment` back by a deployment of its own, which is done at the
    second question about it. Until then it would overwrite an alias that the rollback has set.
    """

    def __init__(self, lambda_: Any, *applications: str) -> None:
        self._lambda = lambda_
        self.applications = applications
        self.stopped: list[str] = []
        self.asked = 0

    def get_paginator(self, operation: str) -> Any:
        answers = {
            "list_applications": {"applications": [*self.applications]},
            "list_deployment_groups": {"deploymentGroups": ["group"]},
        }

        class Pages:
            @staticmethod
            def paginate(**_: str) -> list[Any]:
                return [answers[operation]]

        return Pages

    def list_deployments(self, applicationName: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"deployments": [f"d-{applicationName}"]}

    def stop_deployment(self, deploymentId: str, autoRollbackEnabled: bool) -> None:  # noqa: N803 - as above
        assert autoRollbackEnabled
        self.stopped.append(deploymentId)
        self._put_back()

    def get_deployment(self, deploymentId: str) -> dict[str, Any]:  # noqa: N803 - as above
        if not deploymentId.startswith("back-"):
            back = {"rollbackDeploymentId": f"back-{deploymentId}"}
            return {"deploymentInfo": {"status": "Stopped", "rollbackInfo": back}}
        self.asked += 1
        if self.asked < 2:
            return {"deploymentInfo": {"status": "InProgress"}}
        self._put_back()
        return {"deploymentInfo": {"status": "Succeeded"}}

    def _put_back(self) -> None:
        self._lambda.update_alias(
            FunctionName=get_function_name("assignment", DEV),
            Name="live",
            FunctionVersion="3",
            RoutingConfig={"AdditionalVersionWeights": {}},
        )


class Aws:
    def __init__(self, *applications: str) -> None:
        self.lambda_ = boto3.client("lambda", region_name="us-east-1")
        self.codedeploy = Rollouts(self.lambda_, *applications)
        self.paused: list[float] = []

    def client(self, service: str) -> Any:
        return self.lambda_ if service == "lambda" else self.codedeploy

    def version(self, name: Any) -> dict[str, Any]:
        alias: dict[str, Any] = self.lambda_.get_alias(FunctionName=get_function_name(name, DEV), Name="live")
        return alias

    def roll_back(self, *arguments: str) -> None:
        rollback.main(["--env", "dev", *arguments], self, self.paused.append)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Every function at its third version; `assignment` with a tenth of the traffic on a fourth."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        aws = Aws("realtime-dev-service-App-1", "realtime-prod-service-App-2")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        iam = boto3.client("iam", region_name="us-east-1")
        role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        for name in LOGICAL_IDS:
            _deploy(aws.lambda_, get_function_name(name, DEV), role)
        yield aws


def _deploy(lambda_: Any, function: str, role: str) -> None:
    def code(number: int) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("app.py", f"VERSION = {number}")
        return content.getvalue()

    lambda_.create_function(
        FunctionName=function, Runtime="python3.11", Role=role, Handler="app.app", Code={"ZipFile": code(1)}
    )
    lambda_.publish_version(FunctionName=function)
    for number in (2, 3, 4):
        lambda_.update_function_code(FunctionName=function, ZipFile=code(number), Publish=True)
    weights = {"AdditionalVersionWeights": {"4": 0.1} if function.endswith("assignment") else {}}
    lambda_.create_alias(FunctionName=function, Name="live", FunctionVersion="3", RoutingConfig=weights)


def test_functions_go_back_one_version(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.roll_back()
    assert {name: aws.version(name)["FunctionVersion"] for name in LOGICAL_IDS if name != "assignment"} == (
        dict.fromkeys(LOGICAL_IDS.keys() - {"assignment"}, "2")
    )
    assert "realtime-dev-ingest: version 3 → 2" in capsys.readouterr().out


def test_a_function_whose_traffic_is_moving_stays_at_the_version_it_is_leaving(aws: Aws) -> None:
    aws.roll_back()
    alias = aws.version("assignment")
    assert alias["FunctionVersion"] == "3"
    assert not alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")


def test_rollouts_of_this_environment_are_stopped_first(aws: Aws) -> None:
    aws.roll_back()
    assert aws.codedeploy.stopped == ["d-realtime-dev-service-App-1"]


def test_a_version_that_is_named_stays_though_a_stopped_rollout_puts_another_one_back(aws: Aws) -> None:
    aws.roll_back("--function", "assignment", "--to", "1")
    assert aws.version("assignment")["FunctionVersion"] == "1"
    assert aws.paused == [rollback.SECONDS_BETWEEN]


def test_what_cannot_go_back_stops_nothing(aws: Aws) -> None:
    with pytest.raises(SystemExit):
        aws.roll_back("--function", "ingest", "--to", "9")
    assert aws.codedeploy.stopped == []


def test_one_function_goes_to_the_version_that_is_named(aws: Aws) -> None:
    aws.roll_back("--function", "ingest", "--to", "1")
    assert aws.version("ingest")["FunctionVersion"] == "1"
    assert aws.version("assignment")["FunctionVersion"] == "3"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--function", "ingest", "--to", "9"], "has no version 9; it has 1, 2, 3, 4"),
        (["--to", "1"], "--to needs exactly one --function"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    aws: Aws, arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        aws.roll_back(*arguments)
    assert reason in f"{ended.value}{capsys.readouterr().err}"
