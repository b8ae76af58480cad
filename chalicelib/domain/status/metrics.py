"""The metrics that `status` reads."""

from collections.abc import Mapping

from chalicelib.domain.status.alarms import (
    BREAKERS,
    DECIDING_FUNCTIONS,
    FUNCTIONS,
    FUNCTIONS_WITH_DEFINITIONS,
    Condition,
    Metric,
    measure_service,
)


def list_all(env: str, conditions: Mapping[str, Condition]) -> list[Metric]:
    listed = [metric for condition in conditions.values() for metric in condition.metrics]
    listed += [metric for store in BREAKERS for metric in list_breakers(env, store)]
    listed += list_processed(env) + list_quarantined(env) + list_contexts_not_kept(env)
    listed += list_postgres_lag(env) + list_versions(env) + list_arrived(conditions)
    listed += list_oldest(conditions, "quarantine-not-empty")
    return list(dict.fromkeys(listed))


def list_processed(env: str) -> tuple[Metric, ...]:
    return measure_service(env, ("event_processor",), "EventsProcessed", "Sum")


def list_quarantined(env: str) -> tuple[Metric, ...]:
    return measure_service(env, ("event_processor",), "Quarantined", "Sum")


def list_contexts_not_kept(env: str) -> tuple[Metric, ...]:
    return measure_service(env, DECIDING_FUNCTIONS, "ContextsNotKept", "Sum")


def list_postgres_lag(env: str) -> tuple[Metric, ...]:
    return measure_service(env, ("assignment_sync",), "PostgresLag", "Maximum")


def list_versions(env: str) -> tuple[Metric, ...]:
    """Of several containers of a function the oldest."""
    return measure_service(env, FUNCTIONS_WITH_DEFINITIONS, "DefinitionsVersion", "Minimum")


def list_breakers(env: str, store: str) -> tuple[Metric, ...]:
    return measure_service(env, FUNCTIONS, f"BreakerOpened.{store}", "Sum")


def list_arrived(conditions: Mapping[str, Condition]) -> tuple[Metric, ...]:
    """Records that the event stream has taken."""
    stream = conditions["stream-throttles"].metrics[0]
    return (stream._replace(label="arrived", name="IncomingRecords", statistic="Sum"),)


def list_oldest(conditions: Mapping[str, Condition], name: str) -> tuple[Metric, ...]:
    """The age of the oldest message of the queue that the condition ``name`` watches."""
    queue = conditions[name].metrics[0]
    return (queue._replace(label="oldest", name="ApproximateAgeOfOldestMessage"),)
