"""Fixtures of more than one folder. Each pytest-xdist worker starts its own local AWS, on a free port."""

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings as hypothesis

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from realtime.local.clients import Clients, connect
from realtime.local.emulator import build_environment, start_emulator
from realtime.local.provision import provision
from realtime.resources import describe
from tests.support.postgres import Postgres, postgres
from tests.support.unique_names import unique_names

hypothesis.register_profile("default", max_examples=40, deadline=None)
hypothesis.register_profile("long", max_examples=20_000, deadline=None)  # make long
hypothesis.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

gc.set_threshold(20_000, 50, 100)
"""By default, the collector takes a twentieth of the time of a process with so many objects."""

EXPENSIVE_FIXTURES = {
    "browser": ("tests/e2e/console/",),
    "up": ("tests/e2e/test_up.py",),
    "synthesis": ("tests/unit/infra/", "tests/integration/infra/", "tests/e2e/test_deployment"),
    "postgres": (
        "tests/contract/test_history.py",
        "tests/integration/test_forget.py",
        "tests/integration/test_sync.py",
        "tests/integration/postgres/",
    ),
    "embedded": ("tests/integration/local/test_postgres.py",),
    "releases": ("tests/integration/test_releases.py",),
}
"""Fixture → tests that use it. One worker runs all of them, so that the fixture is built once.

xdist starts the largest groups first."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Schedule the tests of an expensive fixture together, and every other test by itself.

    A marker `xdist_group` would say the same at the test, but has no effect under pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ScheduleByFixture(LoadScopeScheduling):  # type: ignore[misc]  # xdist is untyped
        def _split_scope(self, nodeid: str) -> str:
            fixtures = (name for name, paths in EXPENSIVE_FIXTURES.items() if nodeid.startswith(paths))
            return next(fixtures, nodeid)

    return ScheduleByFixture(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "aws_environment" in getattr(item, "fixturenames", ()):
            item.add_marker("aws")


@pytest.fixture(scope="session")
def aws_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment variables that point an AWS client at this worker's emulator."""
    with start_emulator(log=tmp_path_factory.mktemp("aws") / "aws.log") as endpoint:
        yield build_environment(endpoint)


@pytest.fixture(scope="session")
def aws_clients(aws_environment: dict[str, str]) -> Clients:
    return connect(aws_environment)


@pytest.fixture(scope="session")
def service_clients(aws_environment: dict[str, str]) -> ServiceClients:
    """The clients that a container of the service would have, pointed at this worker's emulator."""
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
    """Settings whose tables, stream, bucket and queues exist, are empty and belong to this test (80 ms)."""
    settings = unique_names(Settings.from_env({}))
    provision(describe(settings), aws_clients)
    return settings


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One worker runs all tests that use it: see `EXPENSIVE_FIXTURES`."""
    with postgres() as server:
        yield server


@pytest.fixture
def database(postgres_server: Postgres) -> Postgres:
    """The server with the table `assignments`, empty."""
    postgres_server.empty()
    return postgres_server


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes may hold a time, as gzip's header does; the ids of tests must be the same in each process."""
    return argname if isinstance(val, bytes) else None
