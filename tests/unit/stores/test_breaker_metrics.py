"""An open breaker is recorded, a closed one never."""

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.stores.resilience import FAILURES_TO_OPEN, guarded, record_breaker
from realtime.testing.stores import MemoryMetrics


class Store:
    is_up = True

    @guarded
    def ask(self) -> str:
        if not self.is_up:
            raise EndpointConnectionError(endpoint_url="x")
        return "answer"


def test_an_open_breaker_is_recorded_once_and_a_closed_one_never() -> None:
    metrics = MemoryMetrics()
    store = record_breaker(Store(), "things", metrics)
    for _ in range(10):
        assert store.ask() == "answer"
    assert metrics.recorded == {}
    store.is_up = False
    for _ in range(FAILURES_TO_OPEN):
        assert metrics.recorded == {}
        with pytest.raises(StorageUnavailable):
            store.ask()
    for _ in range(5):
        with pytest.raises(StorageUnavailable):
            store.ask()
    assert metrics.recorded == {"BreakerOpened.things": [1], "BreakerOpened": [1]}
