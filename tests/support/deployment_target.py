"""A deployed environment, as the smoke tests see it through AWS's own interfaces."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.environments import Environment
from infra.functions import get_function_name
from tests.support.paths import ROOT

SMOKE_DEFINITIONS = ROOT / "tests" / "smoke" / "definitions.yaml"


@dataclass(frozen=True, slots=True)
class DeploymentTarget:
    environment: Environment
    session: Any
    """Of boto3."""

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def list_resources(self, stack: str, resource_type: str) -> set[str]:
        """Physical names of a stack's resources of one type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        name = f"realtime-{self.environment.name}-{stack}"
        return {
            resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=name)
            for resource in page["StackResourceSummaries"]
            if resource["ResourceType"] == resource_type
        }

    def get_outputs(self) -> dict[str, str]:
        """Of the service stack."""
        name = f"realtime-{self.environment.name}-service"
        (stack,) = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def get_settings(self) -> dict[str, str]:
        """The `REALTIME_*` variables of the deployed functions.

        The names of an existing platform's resources are nowhere else.
        """
        function = get_function_name("ingest", self.environment)
        configuration = self.client("lambda").get_function_configuration(FunctionName=function)
        variables: dict[str, str] = configuration["Environment"]["Variables"]
        return variables

    @contextmanager
    def make_gateway_key(self, name: str) -> Iterator[str]:
        """A key of the usage plan, for `X-API-Key`; deleted at the end."""
        (plan,) = self.list_resources("service", "AWS::ApiGateway::UsagePlan")
        gateway = self.client("apigateway")
        made = gateway.create_api_key(name=f"realtime-{self.environment.name}-{name}", enabled=True)
        try:
            gateway.create_usage_plan_key(usagePlanId=plan, keyId=made["id"], keyType="API_KEY")
            yield made["value"]
        finally:
            gateway.delete_api_key(apiKey=made["id"])

    def run_toolkit(self, *arguments: str) -> str:
        """Run `python -m realtime …` against this environment; returns what it prints."""
        return run_toolkit(self.get_settings(), *arguments)


def run_toolkit(environ: Mapping[str, str], *arguments: str) -> str:
    """Run `python -m realtime …` with ``environ`` beside the inherited variables; returns what it prints."""
    command = [sys.executable, "-m", "realtime", *arguments]
    whole = {**os.environ, **environ, "COLUMNS": "200"}
    done = subprocess.run(command, cwd=ROOT, env=whole, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout
