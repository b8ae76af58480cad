"""Judge a snapshot: a line for each thing that can go wrong, with its state and what to do. Pure.

Amber: look at it today. Red: act now. A line whose source did not answer is unknown, which counts as red.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.status import decision_lines, event_lines
from chalicelib.domain.status.alarms import Condition
from chalicelib.domain.status.judging import Line, NoAnswer, State, View
from chalicelib.domain.status.snapshot import Snapshot
from chalicelib.domain.timestamps import format_timestamp

RUNBOOK = "docs/runbook.md"
LINES: Mapping[str, Callable[[str, View], Line]] = {
    "heartbeat": decision_lines.judge_heartbeat,
    "events": event_lines.judge_events,
    "assignments": event_lines.judge_assignments,
    "quarantine": event_lines.judge_quarantine,
    "failed batches": event_lines.judge_failed_batches,
    "drops": event_lines.judge_drops,
    "archive": event_lines.judge_archive,
    "PostgreSQL": event_lines.judge_postgres,
    "definitions": decision_lines.judge_definitions,
    "snapshot": decision_lines.judge_snapshot,
    "API keys": decision_lines.judge_keys,
    "breakers": decision_lines.judge_breakers,
    "throttles": decision_lines.judge_throttles,
    "alarms": decision_lines.judge_alarms,
}


def list_lines(snapshot: Snapshot, conditions: Mapping[str, Condition]) -> list[Line]:
    return [_judge(name, judge, View(snapshot, conditions)) for name, judge in LINES.items()]


def get_overall(lines: Sequence[Line]) -> State:
    """UNKNOWN counts as red: what nobody can see may be the worst."""
    worst = max((line.state for line in lines), default=State.UNKNOWN)
    return State.RED if worst is State.UNKNOWN else max(worst, State.GREEN)


def describe_status(snapshot: Snapshot, lines: Sequence[Line]) -> dict[str, Any]:
    """As JSON; docs/status.md describes it."""
    described = [
        {
            "name": line.name,
            "state": line.state.name.lower(),
            "text": line.text,
            "advice": line.advice,
            "runbook": [f"{RUNBOOK}#{alarm}" for alarm in line.alarms],
            "figures": line.figures,
        }
        for line in lines
    ]
    at = format_timestamp(snapshot.now, "seconds")
    state = get_overall(lines).name.lower()
    return {"environment": snapshot.env, "at": at, "state": state, "lines": described}


def _judge(name: str, judge: Callable[[str, View], Line], view: View) -> Line:
    try:
        return judge(name, view)
    except NoAnswer as error:
        advice = "Nobody knows. Is `make run` up, on this AWS_PORT?"
        if view.env != "local":
            advice = "Nobody knows. docs/status.md has the permissions that `status` needs."
        return Line(name, State.UNKNOWN, str(error), advice)
