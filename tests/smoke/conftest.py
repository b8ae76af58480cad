"""`pytest tests/smoke --env=NAME`: does a deployed environment work, and is it complete and monitored?

The usual AWS variables select the account. The API's address comes from its stack, or from --api. The run
makes an API key and revokes it at the end; where there is a usage plan, also a gateway key, which it deletes,
unless --gateway-key or GATEWAY_KEY has one. It publishes definitions.yaml, which changes no other
definition, and is meant for its own users only.
Tests with the mark `state` look at what may have been wrong before the deployment: the pipeline reports their
failures, and rolls nothing back.
"""

import os
import uuid
from collections.abc import Iterator

import httpx
import pytest

from chalicelib.domain.keys import SCOPES
from infra import environments
from tests.support.deployment_target import SMOKE_DEFINITIONS, DeploymentTarget
from tests.support.poll import wait_until


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--env", choices=environments.NAMES, help="the environment to look at")
    parser.addoption("--api", help="its API's address, if its stack does not say it")
    parser.addoption(
        "--gateway-key",
        default=os.environ.get("GATEWAY_KEY"),
        help="a key of its usage plan; if there is a plan, the default makes one for this run",
    )


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
def gateway_headers(target: DeploymentTarget, pytestconfig: pytest.Config) -> Iterator[dict[str, str]]:
    """What API Gateway itself asks for, beside the API key of the service."""
    given: str | None = pytestconfig.getoption("--gateway-key")
    if given:
        yield {"X-API-Key": given}
    elif target.environment.usage_plan is None:
        yield {}
    else:
        with target.make_gateway_key(f"smoke-{uuid.uuid4().hex[:8]}") as made:
            yield {"X-API-Key": made}


@pytest.fixture(scope="session")
def api(address: str, key: str, gateway_headers: dict[str, str]) -> Iterator[httpx.Client]:
    headers = gateway_headers | {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=address, timeout=30, headers=headers) as client:
        if gateway_headers:  # a new one takes a while until the gateway accepts it
            wait_until(lambda: client.post("/flags/evaluate", json={}).status_code != 403, seconds=120)
        yield client


@pytest.fixture(scope="session")
def stranger(address: str, gateway_headers: dict[str, str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30, headers=gateway_headers) as client:
        yield client


@pytest.fixture(scope="session")
def published(target: DeploymentTarget) -> None:
    target.run_toolkit("publish", str(SMOKE_DEFINITIONS))
