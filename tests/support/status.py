"""Snapshots for `status`: all is well, except what a test says."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.status import metrics
from chalicelib.domain.status.alarms import Condition, Metric, list_conditions, list_used_tables
from chalicelib.domain.status.judging import Line
from chalicelib.domain.status.lines import list_lines
from chalicelib.domain.status.snapshot import Archived, Point, Published, Queue, Snapshot, Unanswered

NOW = 1_800_000_030.0
"""Half a minute into a period of one minute, and of a quarter of an hour."""
TABLES = list_used_tables("standalone", "memory")


def make_conditions(env: str = "prod") -> dict[str, Condition]:
    listed = list_conditions(env, TABLES, lambda setting: f"the-{setting}")
    return {condition.name: condition for condition in listed}


def find_metric(name: str, label: str = "", env: str = "prod") -> Metric:
    """The one of this name, or of several that with ``label``."""
    [metric] = [
        metric
        for metric in metrics.list_all(env, make_conditions(env))
        if metric.name == name and (not label or metric.label == label or label in str(metric.dimensions))
    ]
    return metric


def by_minute(*values: float) -> list[Point]:
    """The last value is of the minute that has begun."""
    start = NOW // 60 * 60
    return [
        Point(start - 60 * back, value) for back, value in zip(range(len(values))[::-1], values, strict=True)
    ]


def take_snapshot(series: Any = None, *, env: str = "prod", alarms: Any = (), **changed: Any) -> Snapshot:
    """``series``: points by metric, or Unanswered."""
    fine: dict[str, Any] = {
        "quarantine": Queue(0),
        "failed_batches": Queue(0),
        "published": Published(7, NOW - 7200),
        "archived": Archived(NOW - 20),
        "snapshot_version": 7,
        "keys_confirmed": NOW - 100,
    }
    if not isinstance(series, Unanswered):
        beats = make_conditions(env)["heartbeat"].metrics
        series = dict.fromkeys(beats, by_minute(1, 1, 1, 1, 1, 1)) | (series or {})
    return Snapshot(env, NOW, series, **(fine | changed), alarms=alarms)


def judge(snapshot: Snapshot) -> dict[str, Line]:
    return {line.name: line for line in list_lines(snapshot, make_conditions(snapshot.env))}


def judge_one(name: str, series: Mapping[Metric, Sequence[Point]] | None = None, **changed: Any) -> Line:
    return judge(take_snapshot(series, **changed))[name]
