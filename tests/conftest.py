"""Fixtures of more than one folder: the local AWS, one per pytest-xdist worker, on a free port."""

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings as hypothesis

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from realtime.local.clients import Clients, connect
from realtime.local.emulator import emulator, environment
from realtime.local.provision import provision
from realtime.resources import describe
from tests.support.postgres import Postgres, postgres

hypothesis.register_profile("default", max_examples=100, deadline=None)
hypothesis.register_profile("long", max_examples=20_000, deadline=None)  # make long
hypothesis.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


SHARED = {
    "up": ("tests/e2e/test_up.py",),
    "synthesis": ("tests/unit/infra/", "tests/integration/infra/", "tests/e2e/test_deployment"),
    "postgres": ("tests/contract/test_history.py", "tests/integration/test_sync.py"),
}
"""Tests that share an expensive fixture, hence one worker; largest groups begin first."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Every other test is scheduled by itself. (Its ``xdist_group`` has no effect under pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByFixture(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped
        def _split_scope(self, nodeid: str) -> str:
            return next((group for group, paths in SHARED.items() if nodeid.startswith(paths)), nodeid)

    return ByFixture(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "aws_environment" in getattr(item, "fixturenames", ()):
            item.add_marker("aws")


@pytest.fixture(scope="session")
def aws_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that point an AWS client at this worker's emulator."""
    with emulator(log=tmp_path_factory.mktemp("aws") / "aws.log") as endpoint:
        yield environment(endpoint)


@pytest.fixture(scope="session")
def aws_clients(aws_environment: dict[str, str]) -> Clients:
    return connect(aws_environment)


@pytest.fixture(scope="session")
def service_clients(aws_environment: dict[str, str]) -> ServiceClients:
    """The service's own clients, as they are in a container, pointed at this worker's emulator."""
    with pytest.MonkeyPatch.context() as environ:
        for name, value in aws_environment.items():
            environ.setenv(name, value)
        clients = ServiceClients(Settings.from_env({}))
        made = (clients.dynamodb, clients.kinesis, clients.s3, clients.sqs, clients.firehose, clients.secrets)
        for client in made:
            assert client.meta.endpoint_url == aws_environment["AWS_ENDPOINT_URL"]
        return clients


@pytest.fixture
def aws_settings(aws_clients: Clients) -> Settings:
    """Settings whose tables, stream, bucket and queues exist, are empty and this test's own (80 ms)."""
    settings = unique_names(Settings.from_env({}))
    provision(describe(settings), aws_clients)
    return settings


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Started once where a session's tests share a worker: `xdist_group("postgres")`."""
    with postgres() as server:
        yield server


@pytest.fixture
def database(postgres_server: Postgres) -> Postgres:
    """With the table of docs/postgres.sql, empty."""
    postgres_server.empty()
    return postgres_server


def unique_names(settings: Settings) -> Settings:
    suffix = uuid.uuid4().hex[:12]
    return replace(
        settings,
        experiments_table=f"experiments-{suffix}",
        flags_table=f"flags-{suffix}",
        publications_table=f"publications-{suffix}",
        assignments_table=f"assignments-{suffix}",
        counters_table=f"counters-{suffix}",
        keys_table=f"keys-{suffix}",
        dedupe_table=f"dedupe-{suffix}",
        overrides_table=f"overrides-{suffix}",
        event_stream=f"events-{suffix}",
        archive_bucket=f"archive-{suffix}",
        quarantine_queue=f"quarantine-{suffix}",
    )
