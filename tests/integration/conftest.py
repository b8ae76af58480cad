"""Containers of the service: of the real runtime, and of the fault schedules.

The bench of the schedules has one proxy and one process to fork containers from, per worker.
"""

import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.definitions import DefinitionStore
from infra.bundle import HOST_TARGET, build_bundle
from realtime.local.clients import Clients
from realtime.local.stack import settings_to_environment
from tests.support import containers
from tests.support.experiments import published, published_flag
from tests.support.lambda_service import Container, LambdaService, Start, lambda_service
from tests.support.poll import wait_until
from tests.support.proxy import FaultProxy
from tests.support.schedule import Bench


@pytest.fixture(scope="session")
def bench(
    aws_environment: dict[str, str],
    aws_clients: Clients,
    service_clients: ServiceClients,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    upstream = int(aws_environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
    socket = tmp_path_factory.mktemp("containers") / "socket"
    with FaultProxy(upstream) as proxy:
        environment = aws_environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        with containers.start(socket, environment) as process:
            yield Bench(aws_clients, service_clients, proxy, socket)
            assert process.stdin is not None
            process.stdin.close()


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(build_bundle(HOST_TARGET)) as zipped:
        zipped.extractall(folder)
    return folder


@pytest.fixture
def service() -> Iterator[tuple[LambdaService, str]]:
    with lambda_service() as running:
        yield running


@pytest.fixture
def lambdas(service: tuple[LambdaService, str]) -> LambdaService:
    return service[0]


@pytest.fixture
def start(
    service: tuple[LambdaService, str],
    bundle: Path,
    aws_environment: dict[str, str],
    aws_settings: Settings,
    service_clients: ServiceClients,
) -> Iterator[Start]:
    DefinitionStore(service_clients, aws_settings).publish(
        [published_flag("new"), published_flag("other"), published("checkout")], 0, time.time()
    )
    environment = aws_environment | settings_to_environment(aws_settings) | {"REALTIME_ENV": "local"}
    started: list[Container] = []

    def run(handler: str = "app.feature_flags", **more: str) -> Container:
        started.append(Container(*service, bundle, handler, environment | more))
        wait_until(lambda: service[0].is_idle or "snapshot" in service[0].waiting, 30)
        return started[-1]

    yield run
    for container in started:
        container.kill()
