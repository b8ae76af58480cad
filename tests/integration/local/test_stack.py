"""The local stack as a whole, with handlers and an app of the test's own."""

import http.client
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib.settings import Settings
from realtime.local import stack as stack_module
from realtime.local.ports import HOST, LocalError, find_free_port
from realtime.local.stack import LocalStack, settings_to_environment
from realtime.resources import describe
from tests.support.http_app import build_http_app


def test_settings_survive_the_environment() -> None:
    settings = Settings.from_env({"REALTIME_TRACKING": "false", "REALTIME_EVENT_MAX_AGE": "60"})
    assert Settings.from_env(settings_to_environment(settings)) == settings
    unlimited = Settings.from_env({})
    assert Settings.from_env(settings_to_environment(unlimited)) == unlimited


def test_it_runs_handlers_and_api_and_leaves_nothing(tmp_path: Path) -> None:
    before, seen = dict(os.environ), list[tuple[str, int]]()

    def count(name: str) -> Any:
        def handler(event: Any, context: Any) -> dict[str, Any]:
            seen.append((name, len(event["Records"])))
            return {"batchItemFailures": [], "state": {}}

        return handler

    settings = Settings.from_env({})
    with LocalStack(settings, log=tmp_path / "aws.log") as stack:
        assert str(stack.provisioned).startswith("clean start: ")
        assert os.environ["AWS_ENDPOINT_URL"] == stack.environment["AWS_ENDPOINT_URL"]
        assert os.environ["REALTIME_EVENT_STREAM"] == settings.event_stream
        stack.pump({"event_processor": count("event_processor"), "assignment_sync": count("assignment_sync")})
        port = urlsplit(stack.serve(build_http_app())).port or 0

        stack.clients.kinesis.put_record(StreamName=settings.event_stream, Data=b"{}", PartitionKey="u")
        stack.clients.dynamodb.put_item(TableName=settings.assignments_table, Item={"id": {"S": "e#u"}})
        stack.drain()
        assert sorted(seen) == [("assignment_sync", 1), ("event_processor", 1)]

        client = http.client.HTTPConnection(HOST, port, timeout=5)
        client.request("GET", "/echo/a")
        assert client.getresponse().status == 200
        client.close()
    assert dict(os.environ) == before
    for used in (port, urlsplit(stack.environment["AWS_ENDPOINT_URL"]).port or 0):
        assert find_free_port(used) == used


def test_what_a_handler_cannot_do_ends_in_the_failure_queue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.from_env({})
    resources = describe(settings)  # whose sources retry until a record expires
    sources = tuple(replace(source, retries=2) for source in resources.event_sources)
    monkeypatch.setattr(stack_module, "describe", lambda _: replace(resources, event_sources=sources))

    def fail(event: Any, context: Any) -> None:
        raise ValueError

    with LocalStack(settings, log=tmp_path / "aws.log") as stack:
        stack.pump({"event_processor": fail}, backoff=(0.001, 0.001))
        stack.clients.kinesis.put_record(StreamName=settings.event_stream, Data=b"{}", PartitionKey="u")
        stack.drain()
        queue = stack.clients.sqs.get_queue_url(QueueName=resources.failure_queue)["QueueUrl"]
        (message,) = stack.clients.sqs.receive_message(QueueUrl=queue)["Messages"]
        body = json.loads(message["Body"])
        assert body["requestContext"]["condition"] == "RetryAttemptsExhausted"
        assert body["KinesisBatchInfo"]["batchSize"] == 1


def test_a_second_stack_on_the_same_ports_is_refused_and_the_first_stays(tmp_path: Path) -> None:
    with LocalStack(Settings.from_env({}), log=tmp_path / "aws.log") as stack:
        taken = urlsplit(stack.environment["AWS_ENDPOINT_URL"]).port or 0
        with pytest.raises(LocalError, match="taken"):
            stack.serve(build_http_app(), taken)
        with pytest.raises(LocalError, match="taken"), LocalStack(Settings.from_env({}), aws_port=taken):
            pass
    assert find_free_port(taken) == taken
