"""The real bundle under the real runtime: tracked events are sent after the answer, and none is lost."""

import json
import time
from typing import Any

import pytest

from tests.support.lambda_service import Container, LambdaService, Start
from tests.support.poll import wait_until

NEW = {"flag_key": "new", "enabled": True, "variant": "on", "value": True, "reason": "STATIC"}


def ask(container: Container, user: str = "u1", flag: str = "new") -> Any:
    return container.invoke({"user_id": user, "flag_key": flag})


def test_the_answer_leaves_before_the_flush_and_the_next_event_is_asked_for_after_it(
    start: Start, lambdas: LambdaService
) -> None:
    container = start()
    assert lambdas.registered == [("tracking", {"events": ["INVOKE"]})]
    del lambdas.log[:]
    lambdas.kinesis_open.clear()
    assert ask(container)["variant"] == "on"
    wait_until(lambda: "put" in lambdas.log)
    assert "extension next" not in lambdas.log
    lambdas.kinesis_open.set()
    wait_until(lambda: lambdas.is_idle)
    steps = [step for step in lambdas.log if step != "runtime next"]
    assert steps == ["response", "put", "extension next"]
    assert lambdas.sent_events == [("evaluation", "u1")]


def test_a_container_that_is_frozen_and_used_again_loses_nothing_and_sends_nothing_twice(
    start: Start, lambdas: LambdaService
) -> None:
    container = start()
    for user in ("u1", "u2", "u1", "u3"):
        ask(container, user)
        container.freeze()
        assert ("evaluation", user) in lambdas.sent_events  # before the freeze, not after the thaw
    assert lambdas.sent_events == [("evaluation", user) for user in ("u1", "u2", "u3")]


def test_a_connection_that_breaks_while_the_container_is_frozen_ends_nothing(
    start: Start, lambdas: LambdaService
) -> None:
    container = start()
    ask(container, "u1")
    container.freeze()
    lambdas.break_connection()
    for user in ("u2", "u3", "u4"):
        ask(container, user)
    container.freeze()
    assert sorted(lambdas.sent_events) == [("evaluation", user) for user in ("u1", "u2", "u3", "u4")]
    steps = [step for step in lambdas.log if step != "runtime next"]  # the runtime waits for nobody
    assert steps[-3:] == ["response", "put", "extension next"]  # the flush is after its own answer again


def test_a_hanging_stream_changes_neither_answers_nor_their_time(
    start: Start, lambdas: LambdaService
) -> None:
    container = start(REALTIME_READ_TIMEOUT="0.3")
    ask(container)
    wait_until(lambda: lambdas.is_idle)
    lambdas.kinesis_open.clear()
    seconds = []
    for n in range(10):
        wait_until(lambda: lambdas.is_idle)
        started = time.perf_counter()
        assert ask(container, f"user-{n}") == NEW
        seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[5] < 0.1  # one call hangs for 0.3
    assert lambdas.log.count("put") <= 1 + 3 * 3  # pauses: 1 s, 2 s, …
    lambdas.kinesis_open.set()


def test_what_could_not_be_sent_goes_with_a_later_answer(start: Start, lambdas: LambdaService) -> None:
    container = start()
    lambdas.kinesis_works = False
    ask(container)
    wait_until(lambda: lambdas.is_idle)
    lambdas.kinesis_works = True
    assert lambdas.sent_events == []
    wait_until(lambda: ask(container, "u2") and lambdas.sent_events, 20, interval=0.2)
    assert sorted(lambdas.sent_events) == [("evaluation", "u1"), ("evaluation", "u2")]


@pytest.mark.parametrize("frozen", [False, True])
def test_what_still_waits_when_the_container_goes_leaves_in_the_shutdown_phase(
    start: Start, lambdas: LambdaService, frozen: bool
) -> None:
    container = start()
    lambdas.kinesis_works = False
    ask(container)
    wait_until(lambda: lambdas.is_idle)
    if frozen:
        container.freeze()
    lambdas.kinesis_works = True
    assert container.shut_down() == 0
    assert lambdas.sent_events == [("evaluation", "u1")]


def test_an_assignment_is_sent_too(start: Start, lambdas: LambdaService) -> None:
    container = start("app.assignment")
    answer = container.invoke({"user_id": "u1", "experiment_key": "checkout"})
    assert answer["reason"] == "ASSIGNED"
    container.freeze()
    assert lambdas.sent_events == [("assignment", "u1")]


@pytest.mark.parametrize("handler", ["app.app", "app.feature_flags"])
def test_through_api_gateway_it_is_the_same(start: Start, lambdas: LambdaService, handler: str) -> None:
    event = {
        "resource": "/flags/evaluate",
        "path": "/flags/evaluate",
        "httpMethod": "POST",
        "headers": {"Content-Type": "application/json"},
        "multiValueHeaders": {"Content-Type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"resourcePath": "/flags/evaluate", "httpMethod": "POST"},
        "isBase64Encoded": False,
    }
    container = start(handler)
    for user in ("u1", "u2", "u3"):
        answer = container.invoke(event | {"body": json.dumps({"user_id": user, "flag_key": "new"})})
        assert answer["statusCode"] == 200
        container.freeze()
        assert ("evaluation", user) in lambdas.sent_events


@pytest.mark.parametrize(
    "event", [{}, [], {"user_id": 7, "flag_key": "new"}, {"user_id": "u1", "flag_key": "no"}]
)
def test_a_refused_request_does_not_hold_the_container(
    start: Start, lambdas: LambdaService, event: Any
) -> None:
    container = start()
    assert "error" in container.invoke(event)
    container.freeze()


def test_a_function_that_decides_nothing_has_no_extension(start: Start, lambdas: LambdaService) -> None:
    start("app.event_processor")
    assert lambdas.registered == []
