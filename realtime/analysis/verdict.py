"""One verdict, in a sentence that anybody in the team can read.

Ship if at least one primary metric is better, none is worse and every guardrail holds (the rule of
Schultzberg, Ankargren and Frånberg 2024). Secondary metrics have no say.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from realtime.analysis.decisions import find_shortage
from realtime.analysis.model import (
    Check,
    Comparison,
    Decision,
    Design,
    MetricResult,
    Role,
    Verdict,
    VerdictCode,
)
from realtime.analysis.numbers import format_share
from realtime.analysis.wording import describe_effect, join_words, name_metric


class Row(NamedTuple):
    result: MetricResult
    comparison: Comparison


class Outcome(NamedTuple):
    """Of one treatment; ``effect`` orders those that can be shipped."""

    code: VerdictCode
    sentence: str
    treatment: str
    effect: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one treatment. ``progress``: of the plan; None without one."""

    design: Design
    treatment: str
    primaries: Sequence[Row]
    guardrails: Sequence[Row]
    progress: float | None

    def list_decided(self, decision: Decision) -> list[Row]:
        return [row for row in (*self.primaries, *self.guardrails) if row.comparison.decision == decision]

    @property
    def is_over(self) -> bool:
        """A fixed horizon without a plan is over when somebody asks for its numbers."""
        if self.progress is None:
            return self.design.is_fixed_asked and not self.design.is_sequential
        return self.progress >= 1

    @property
    def is_short(self) -> bool:
        """Whether some metric has too few users for a decision, or none that differs from another."""
        return any(
            row.comparison.current is None
            or find_shortage(
                row.result.metric,
                row.result.variants[self.design.control],
                row.result.variants[self.treatment],
            )
            for row in (*self.primaries, *self.guardrails)
        )


def decide_verdict(
    design: Design, checks: Sequence[Check], results: Sequence[MetricResult], progress: float | None
) -> Verdict:
    alarms = tuple(check.message for check in checks if check.status == "alarm")
    if alarms:
        return Verdict("stop_data_problem", f"Stop: the data cannot be trusted. {alarms[0]}", alarms)
    warnings = tuple(check.message for check in checks if check.status == "warning")
    obstacle = _find_obstacle(design, results)
    if obstacle:
        return Verdict("keep_running", obstacle, warnings)
    everything = [
        Evidence(
            design,
            treatment,
            _list_rows(results, treatment, "primary"),
            _list_rows(results, treatment, "guardrail"),
            progress,
        )
        for treatment in design.treatments
    ]
    chosen = _choose([_judge(evidence) for evidence in everything])
    reasons = [reason for evidence in everything for reason in _list_reasons(evidence)]
    treatment = chosen.treatment if chosen.code == "ship" else None
    return Verdict(chosen.code, chosen.sentence, (*reasons, *warnings), treatment)


def _find_obstacle(design: Design, results: Sequence[MetricResult]) -> str | None:
    if design.control not in design.shares:
        return f"There is no variant {design.control} to compare with."
    if not design.treatments:
        return "There is one variant only, so there is nothing to compare."
    if not any(result.role == "primary" for result in results):
        return "No primary metric is planned, so nothing decides. Name one in the experiment's analysis."
    return None


def _list_rows(results: Sequence[MetricResult], treatment: str, role: Role) -> list[Row]:
    return [
        Row(result, one)
        for result in results
        for one in result.comparisons
        if result.role == role and one.treatment == treatment
    ]


def _choose(outcomes: Sequence[Outcome]) -> Outcome:
    """The best that can be shipped; else wait while one is open; else what is left."""
    order: tuple[VerdictCode, ...] = ("ship", "keep_running", "do_not_ship", "no_difference_that_matters")
    return min(outcomes, key=lambda outcome: (order.index(outcome.code), -outcome.effect))


def _judge(evidence: Evidence) -> Outcome:
    steps: tuple[Callable[[Evidence], Outcome | None], ...] = (
        _find_harm,
        _find_gain,
        _find_no_difference,
        _find_end,
    )
    return next((outcome for step in steps if (outcome := step(evidence))), None) or _wait(evidence)


def _find_harm(evidence: Evidence) -> Outcome | None:
    worse, failing = evidence.list_decided("worse"), evidence.list_decided("fails")
    if not worse and not failing:
        return None
    words = [f"{describe_effect(*row)} is worse" for row in worse]
    words += [f"{describe_effect(*row)} breaks its margin" for row in failing]
    return Outcome(
        "do_not_ship", f"Do not ship {evidence.treatment}: {join_words(words)}.", evidence.treatment
    )


def _find_gain(evidence: Evidence) -> Outcome | None:
    better, held = evidence.list_decided("better"), evidence.list_decided("holds")
    if not better or len(held) < len(evidence.guardrails):
        return None
    words = join_words([f"{describe_effect(*row)} is better" for row in better])
    guarded = ", and every guardrail holds" if held else ""
    effect = abs(better[0].comparison.lift or 0.0)
    return Outcome("ship", f"Ship {evidence.treatment}: {words}{guarded}.", evidence.treatment, effect)


def _find_no_difference(evidence: Evidence) -> Outcome | None:
    same = evidence.list_decided("no_difference_that_matters")
    if len(same) < len(evidence.primaries):
        return None
    words = join_words([describe_effect(*row) for row in same])
    return Outcome(
        "no_difference_that_matters",
        f"{evidence.treatment} makes no difference that matters: {words}. Keep what is simpler.",
        evidence.treatment,
    )


def _find_end(evidence: Evidence) -> Outcome | None:
    if not evidence.is_over or evidence.is_short:
        return None
    words = [f"{describe_effect(*row)} is not proven" for row in _list_open(evidence)]
    return Outcome(
        "do_not_ship",
        f"Do not ship {evidence.treatment} on this evidence: the plan is reached, and {join_words(words)}.",
        evidence.treatment,
    )


def _wait(evidence: Evidence) -> Outcome:
    names = [name_metric(row.result) for row in _list_open(evidence)]
    verb = "is" if len(names) == 1 else "are"
    return Outcome(
        "keep_running",
        f"Keep running: {join_words(names)} {verb} not decided yet. {_describe_progress(evidence)}",
        evidence.treatment,
    )


def _list_open(evidence: Evidence) -> list[Row]:
    """Primaries without an answer; where one is better, what keeps it from being shipped."""
    rows = evidence.guardrails if evidence.list_decided("better") else evidence.primaries
    return [row for row in rows if row.comparison.decision == "undecided"]


def _describe_progress(evidence: Evidence) -> str:
    planned = evidence.design.planned_users
    if evidence.progress is None or planned is None:
        return "There is no plan that says how long: `plan-experiment` makes one."
    if evidence.progress < 1:
        return f"{format_share(evidence.progress)} of the planned {planned:,} users are there."
    return f"The planned {planned:,} users are there, but too few of them have the event."


def _list_reasons(evidence: Evidence) -> Iterator[str]:
    for row in (*evidence.primaries, *evidence.guardrails):
        decision = row.comparison.decision.replace("_", " ")
        yield f"{row.result.role} of {evidence.treatment}: {describe_effect(*row)}: {decision}"
