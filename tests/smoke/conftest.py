"""`pytest tests/smoke --env=NAME`: does a deployed environment work, and is it complete and monitored?

The usual AWS variables select the account. The API's address comes from its stack, or from --api. The run
makes an API key and revokes it at the end. It publishes definitions.yaml, which changes no other definition.
Tests with the mark `state` look at what may have been wrong before the deployment: the pipeline reports their
failures, and rolls nothing back.
"""

import uuid
from collections.abc import Iterator

import httpx
import pytest

from chalicelib.domain.keys import SCOPES
from infra import environments
from tests.support.deployment_target import SMOKE_DEFINITIONS, DeploymentTarget


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--env", choices=environments.NAMES, help="the environment to look at")
    parser.addoption("--api", help="its API's address, if its stack does not say it")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.getoption("--env", default=None) else True


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> DeploymentTarget:
    from boto3.session import Session

    return DeploymentTarget(environments.load(pytestconfig.getoption("--env")), Session())


@pytest.fixture(scope="session")
def key(target: DeploymentTarget) -> Iterator[str]:
    """An API key with all scopes, for this run only."""
    label = f"smoke-{uuid.uuid4().hex[:8]}"
    made = target.run_toolkit("keys", "create", "--scopes", ",".join(SCOPES), "--label", label)
    yield made.split()[0]
    (row,) = [line for line in target.run_toolkit("keys", "list").splitlines() if label in line]
    target.run_toolkit("keys", "revoke", row.strip(" │|").split()[0])


@pytest.fixture(scope="session")
def address(target: DeploymentTarget, pytestconfig: pytest.Config) -> str:
    given: str | None = pytestconfig.getoption("--api")
    return (given or target.get_outputs()["EndpointURL"]).rstrip("/")


@pytest.fixture(scope="session")
def api(address: str, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30, headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


@pytest.fixture(scope="session")
def stranger(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture(scope="session")
def published(target: DeploymentTarget) -> None:
    target.run_toolkit("publish", str(SMOKE_DEFINITIONS))
