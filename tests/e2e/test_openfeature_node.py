"""OpenFeature's JavaScript SDKs and OFREP providers, for servers and for browsers, against the service."""

import pytest

from tests.support.node import run_node_tests
from tests.support.openfeature_flags import ThrottledDefinitions, publish_all
from tests.support.service import serve_service


@pytest.mark.node
@pytest.mark.parametrize("file", ["server.test.mjs", "web.test.mjs"])
def test_a_client_in_node(file: str) -> None:
    with serve_service() as (url, service):
        publish_all(service)
        run_node_tests(file, url)


@pytest.mark.node
def test_throttled_clients_in_node() -> None:
    with serve_service(definitions=ThrottledDefinitions()) as (url, _):
        run_node_tests("throttled.test.mjs", url)
