"""An alarm, in CloudWatch's shape."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from infra.environments import Environment
from infra.monitoring.metrics import Query, build_comparison

RUNBOOK = "docs/runbook.md"
MIN_CALLS = 100
"""Shares of fewer calls a period say nothing. Releases use the same floor."""
SLOW_PERIOD = 300
"""Seconds: so that a service with a call every few seconds reaches the floor, too."""
Severity: TypeAlias = Literal["page", "ticket"]
"""``page``: somebody is woken. ``ticket``: it is looked at on the next working day."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """In alarm while ``breaching`` of the last ``periods`` were above ``threshold``.

    A period without data counts as below, unless silence itself is the alarm: ``rings_on_silence`` is for a
    metric that is there while all is well, and it rings when fewer periods than that have it.
    """

    name: str
    description: str
    queries: tuple[Query, ...]
    threshold: float = 0
    breaching: int = 1
    periods: int = 1
    severity: Severity = "ticket"
    rings_on_silence: bool = False

    def to_resource(
        self, environment: Environment, topics: dict[Severity, Any] | None = None
    ) -> dict[str, Any]:
        actions = {}
        if topics:
            actions = {"AlarmActions": [topics[self.severity]], "OKActions": [topics[self.severity]]}
        comparison = "LessThanThreshold" if self.rings_on_silence else "GreaterThanThreshold"
        return {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": f"realtime-{environment.name}-{self.name}",
                "AlarmDescription": f"{self.severity}: {self.description} {RUNBOOK}#{self.name}",
                **build_comparison(self.queries),
                "ComparisonOperator": comparison,
                "Threshold": self.threshold,
                "EvaluationPeriods": self.periods,
                "DatapointsToAlarm": self.breaching,
                "TreatMissingData": "breaching" if self.rings_on_silence else "notBreaching",
                **actions,
            },
        }
