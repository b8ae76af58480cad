"""Every alarm, with its metric, threshold and severity. docs/runbook.md says what to do about each.

Those on data are described in chalicelib/domain/status/alarms.py, since `status` judges by the same.
"""

from collections.abc import Iterator

from chalicelib.domain.status.alarms import HEARTBEAT_CONDITIONS, Condition, list_conditions, list_used_tables
from infra.environments import Environment
from infra.monitoring.alarm import Alarm
from infra.monitoring.api_alarms import list_api_alarms
from infra.monitoring.function_alarms import list_function_alarms
from infra.monitoring.heartbeat import has_heartbeat
from infra.monitoring.metrics import Query, build_query, combine
from infra.resource_names import ResourceNames

FRESH_SECONDS = 900
"""Firehose writes every minute (infra/data.py)."""


def list_alarms(environment: Environment, names: ResourceNames) -> tuple[Alarm, ...]:
    return (
        *list_function_alarms(environment),
        *list_api_alarms(environment),
        *_list_data_alarms(environment, names),
        *_list_archive_alarms(environment, names),
    )


def _list_data_alarms(environment: Environment, names: ResourceNames) -> Iterator[Alarm]:
    dedupe = environment.settings.get("REALTIME_EVENT_DEDUPE", "memory")
    tables = [setting for setting in list_used_tables(names.platform, dedupe) if setting in names.by_setting]
    for condition in list_conditions(environment.name, tables, names.get_name, names.platform):
        if condition.name in HEARTBEAT_CONDITIONS and not has_heartbeat(environment):
            continue
        yield Alarm(
            condition.name,
            condition.description,
            _build_queries(condition),
            condition.threshold,
            condition.breaching,
            condition.periods,
            condition.severity,
            condition.rings_on_silence,
        )


def _build_queries(condition: Condition) -> tuple[Query, ...]:
    """A metric without data counts as 0."""
    parts = [
        build_query(
            metric.label,
            metric.namespace,
            metric.name,
            dict(metric.dimensions),
            metric.statistic,
            metric.period,
        )
        for metric in condition.metrics
    ]
    return tuple(combine(f"{condition.combination}(METRICS())", parts) if len(parts) > 1 else parts)


def _list_archive_alarms(environment: Environment, names: ResourceNames) -> Iterator[Alarm]:
    if environment.settings.get("REALTIME_ARCHIVE") != "firehose":
        return
    stream = {"DeliveryStreamName": names.get_name("firehose")}
    success = build_query("success", "AWS/Firehose", "DeliveryToS3.Success", stream, "Average", 300)
    description = "Firehose cannot write the archive."
    yield Alarm(
        "archive-failures", description, tuple(combine("1 - success", [success])), breaching=2, periods=3
    )
    age = build_query("age", "AWS/Firehose", "DeliveryToS3.DataFreshness", stream, "Maximum", 300)
    description = "Firehose is a quarter of an hour behind."
    yield Alarm("archive-age", description, (age,), FRESH_SECONDS, breaching=2, periods=3)
