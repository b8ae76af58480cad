"""What a log line in Lambda says beside its message."""

import json
import logging
from collections.abc import Iterator

import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter

from chalicelib.log import TRACE_VARIABLE, add_trace_ids


@pytest.fixture(autouse=True)
def _factory() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    add_trace_ids()
    yield
    logging.setLogRecordFactory(before)


def format_line(message: str) -> dict[str, object]:
    """As Lambda's own runtime writes it."""
    record = logging.getLogger("realtime").makeRecord("realtime", 40, "x.py", 1, message, (), None)
    fields: dict[str, object] = json.loads(JsonFormatter().format(record))
    return fields


def test_a_line_has_the_trace_of_its_invocation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        TRACE_VARIABLE, "Root=1-67890abc-0123456789abcdef01234567;Parent=53995c3f42cd8ad8;Sampled=1"
    )
    assert format_line("slow")["xray_trace_id"] == "1-67890abc-0123456789abcdef01234567"
    monkeypatch.setenv(TRACE_VARIABLE, "Root=1-67890abd-0123456789abcdef01234567")
    assert format_line("slow")["xray_trace_id"] == "1-67890abd-0123456789abcdef01234567"


def test_without_a_trace_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TRACE_VARIABLE, raising=False)
    assert "xray_trace_id" not in format_line("slow")
