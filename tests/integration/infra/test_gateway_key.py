"""The smoke tests' gateway key: made for the run, in the environment's plan, and deleted."""

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from typing import Any

import pytest
from boto3.session import Session

from infra import environments
from infra.environments import Throttle, UsagePlan
from infra.pipeline import build_validation_statements
from infra.resource_names import resolve_names
from tests.support.deployment_target import DeploymentTarget
from tests.support.poll import wait_until

STACK = "realtime-dev-service"
PLAN = {"Type": "AWS::ApiGateway::UsagePlan", "Properties": {"UsagePlanName": "realtime-dev"}}


@pytest.fixture
def target(aws_environment: dict[str, str]) -> Iterator[DeploymentTarget]:
    with pytest.MonkeyPatch.context() as environ:
        for name, value in aws_environment.items():
            environ.setenv(name, value)
        target = DeploymentTarget(environments.load("dev"), Session(region_name="us-east-1"))
        formation = target.client("cloudformation")
        formation.create_stack(StackName=STACK, TemplateBody=json.dumps({"Resources": {"UsagePlan": PLAN}}))
        wait_until(lambda: target.list_resources("service", "AWS::ApiGateway::UsagePlan"))
        yield target
        formation.delete_stack(StackName=STACK)


def list_keys(gateway: Any) -> list[str]:
    (plan,) = gateway.get_usage_plans()["items"]
    return [key["name"] for key in gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"]]


def test_it_is_deleted_at_the_end(target: DeploymentTarget) -> None:
    gateway = target.client("apigateway")
    with target.make_gateway_key("smoke-1") as value:
        (key,) = gateway.get_api_keys(includeValues=True)["items"]
        assert (key["name"], key["value"]) == ("realtime-dev-smoke-1", value)
        assert len(list_keys(gateway)) == 1
    assert gateway.get_api_keys()["items"] == []


def test_the_pipelines_role_may_make_and_delete_it(target: DeploymentTarget) -> None:
    """The calls, as methods and paths, which are what API Gateway's permissions name."""
    calls: list[tuple[str, str]] = []

    def record(params: Any, **_: Any) -> None:
        calls.append((f"apigateway:{params['method']}", params["url_path"]))

    target.session.events.register("before-call.apigateway", record)
    with target.make_gateway_key("smoke-1"):
        pass
    environment = replace(target.environment, usage_plan=UsagePlan(Throttle(1, 1), 1))
    statements = build_validation_statements(environment, resolve_names("dev", "standalone"))
    allowed = [
        (action, str(resource).rpartition("::")[2].rstrip("'}"))
        for statement in statements
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith("apigateway:")
    ]
    assert len(calls) == len(allowed) == 3
    for call in calls:
        assert any(fnmatch(call[1], path) for action, path in allowed if action == call[0]), call


def test_it_is_deleted_after_a_run_that_fails(target: DeploymentTarget) -> None:
    with pytest.raises(LookupError), target.make_gateway_key("smoke-1"):
        raise LookupError
    assert target.client("apigateway").get_api_keys()["items"] == []
