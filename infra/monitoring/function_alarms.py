"""Alarms on what each function answers: failures, latency, cold starts, refused keys."""

from collections.abc import Iterator

from chalicelib.domain.status.alarms import STREAM_FUNCTIONS
from infra.environments import Environment, FunctionName
from infra.monitoring.alarm import MIN_CALLS, SLOW_PERIOD, Alarm, Severity
from infra.monitoring.metrics import (
    Query,
    build_answer_query,
    build_function_query,
    build_share,
    combine,
)

FAILED_PERCENT = 1.0
SLOW_PERCENT = 1.0
"""Over 1 % are slower than the budget: the 99th percentile is over it."""
DENIED_PERCENT = 50.0
POISON_PERCENT = 1.0
ANSWERING: tuple[FunctionName, ...] = ("assignment", "feature_flags", "ingest", "authorizer")
"""Your users wait for these. The others wake nobody, and may start when they are asked."""


def list_function_alarms(environment: Environment) -> Iterator[Alarm]:
    for name in environment.functions:
        is_stream = name in STREAM_FUNCTIONS
        severity: Severity = "page" if name in ANSWERING else "ticket"
        yield _alarm_on_failures(environment, name, severity)
        throttled = build_function_query("throttled", "Throttles", name, environment, "Sum")
        description = f"{name} is at its reserved concurrency."
        yield Alarm(f"{name}-throttles", description, (throttled,), breaching=2, periods=5, severity=severity)
        if name == "webhooks":  # as fast as the receivers
            continue
        budget = environment.functions[name].p99_ms
        slow = _measure_share(environment, name, "Slow")
        unit = "batches" if is_stream else "answers"
        description = f"Over 1 % of the {unit} of {name} take longer than {budget} ms."
        yield Alarm(f"{name}-latency", description, slow, SLOW_PERCENT, breaching=2, periods=3)
        if name in ANSWERING:
            cold = _measure_share(environment, name, "ColdStarts")
            description = f"Over 1 % of the answers of {name} wait for a container that starts."
            yield Alarm(f"{name}-cold-starts", description, cold, SLOW_PERCENT, breaching=2, periods=3)
    yield _alarm_on_poison(environment)


def _alarm_on_failures(environment: Environment, name: FunctionName, severity: Severity) -> Alarm:
    """Of our own count and Lambda's the larger one: only Lambda sees timeouts, only we see a 500."""
    called = build_function_query("called", "Invocations", name, environment, "Sum")
    errors = build_function_query("errors", "Errors", name, environment, "Sum")
    failed = build_answer_query("failed", "Failed", name, environment)
    queries = combine("100 * MAX([errors, failed]) / called", [called, errors, failed])
    description = f"More than 1 % of the calls of {name} fail."
    return Alarm(f"{name}-errors", description, tuple(queries), FAILED_PERCENT, 3, 5, severity)


def _measure_share(environment: Environment, name: FunctionName, metric: str) -> tuple[Query, ...]:
    part = build_answer_query("part", metric, name, environment, SLOW_PERIOD)
    answered = build_answer_query("answered", "Answered", name, environment, SLOW_PERIOD)
    return build_share([part], [answered], MIN_CALLS)


def _alarm_on_poison(environment: Environment) -> Alarm:
    """Without a floor: a stream of poison processes nothing."""
    poison = build_answer_query("poison", "Quarantined", "event_processor", environment, SLOW_PERIOD)
    processed = build_answer_query(
        "processed", "EventsProcessed", "event_processor", environment, SLOW_PERIOD
    )
    queries = combine("100 * poison / SUM([poison, processed])", [poison, processed])
    description = "Over 1 % of the events go into quarantine."
    return Alarm("poison-rises", description, tuple(queries), POISON_PERCENT, 2, 3, "page")


def alarm_on_denials(environment: Environment, authorizing: tuple[FunctionName, ...]) -> Alarm:
    """``authorizing``: the functions that read keys, which depends on the front door."""
    denied = [
        build_answer_query(f"denied_{name}", "Denied", name, environment, SLOW_PERIOD) for name in authorizing
    ]
    answered = [
        build_answer_query(f"answered_{name}", "Answered", name, environment, SLOW_PERIOD)
        for name in authorizing
    ]
    description = "More than half of the keys are refused."
    queries = build_share(denied, answered, MIN_CALLS)
    return Alarm("keys-denied", description, queries, DENIED_PERCENT, 2, 3, "page")
