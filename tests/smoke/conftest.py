"""`pytest tests/smoke --env=NAME`: is what is deployed alive, whole and watched?

AWS is the one that the usual variables point at; the API's address comes from its stack, or from --api.
A key is made for the run and revoked after it; definitions.yaml is published, which changes nothing else.
Tests that are marked `state` look at what may have been wrong before the deployment: the pipeline reports
them, and rolls nothing back for them.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from chalicelib.domain.keys import SCOPES
from infra import environments
from infra.environments import Environment
from infra.functions import physical
from tests.support.paths import ROOT

DEFINITIONS = Path(__file__).with_name("definitions.yaml")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--env", choices=environments.NAMES, help="the environment to look at")
    parser.addoption("--api", help="its API's address, if its stack does not say it")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.getoption("--env", default=None) else True


@dataclass(frozen=True, slots=True)
class Target:
    """A deployed environment."""

    environment: Environment
    session: Any

    def client(self, service: str) -> Any:
        return self.session.client(service)

    def stack(self, name: str, kind: str) -> set[str]:
        """Physical names of a stack's resources of one type."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        stack = f"realtime-{self.environment.name}-{name}"
        found = [one for page in pages.paginate(StackName=stack) for one in page["StackResourceSummaries"]]
        return {one["PhysicalResourceId"] for one in found if one["ResourceType"] == kind}

    def outputs(self) -> dict[str, str]:
        stack = f"realtime-{self.environment.name}-service"
        (found,) = self.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}

    def settings(self) -> dict[str, str]:
        """The `REALTIME_*` variables of what is deployed: an existing platform's names are only there."""
        function = physical("ingest", self.environment)
        found = self.client("lambda").get_function_configuration(FunctionName=function)
        variables: dict[str, str] = found["Environment"]["Variables"]
        return variables

    def toolkit(self, *arguments: str) -> str:
        """`python -m realtime …` against this environment."""
        command = [sys.executable, "-m", "realtime", *arguments]
        environ = os.environ | self.settings() | {"COLUMNS": "200"}
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    from boto3.session import Session

    return Target(environments.load(pytestconfig.getoption("--env")), Session())


@pytest.fixture(scope="session")
def key(target: Target) -> Iterator[str]:
    """All scopes, for the length of this run."""
    label = f"smoke-{uuid.uuid4().hex[:8]}"
    made = target.toolkit("keys", "create", "--scopes", ",".join(SCOPES), "--label", label)
    yield made.split()[0]
    (row,) = [line for line in target.toolkit("keys", "list").splitlines() if label in line]
    target.toolkit("keys", "revoke", row.strip(" │|").split()[0])


@pytest.fixture(scope="session")
def address(target: Target, pytestconfig: pytest.Config) -> str:
    given: str | None = pytestconfig.getoption("--api")
    return (given or target.outputs()["EndpointURL"]).rstrip("/")


@pytest.fixture(scope="session")
def api(address: str, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture(scope="session")
def stranger(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def published(target: Target) -> None:
    target.toolkit("publish", str(DEFINITIONS))
