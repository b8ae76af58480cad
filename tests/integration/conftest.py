"""The bench of the fault schedules: one proxy and one process to fork containers from, per worker."""

from collections.abc import Iterator

import pytest

from chalicelib.stores.clients import Clients as ServiceClients
from realtime.local.clients import Clients
from tests.support import containers
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
