"""What codes mean, in the words of a product manager."""

from collections.abc import Sequence
from typing import Final

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.timestamps import format_timestamp
from realtime.analysis.model import (
    Analysis,
    CheckStatus,
    Comparison,
    Decision,
    Design,
    Interval,
    MetricResult,
    Role,
    Verdict,
    VerdictCode,
)
from realtime.analysis.numbers import DASH, format_interval, format_number, format_p, format_share

VERDICTS: Final[dict[VerdictCode, str]] = {
    "stop_data_problem": "Stop: the data cannot be trusted",
    "keep_running": "Keep running",
    "ship": "Ship",
    "do_not_ship": "Do not ship",
    "no_difference_that_matters": "No difference that matters",
}
DECISIONS: Final[dict[Decision, str]] = {
    "better": "better",
    "worse": "worse",
    "no_difference_that_matters": "no difference that matters",
    "undecided": "not clear yet",
    "holds": "holds",
    "fails": "fails",
}
CHECKS: Final = {
    "split": "split of users",
    "archive_complete": "archive is complete",
    "moved": "users who moved",
    "pre_period": "before the start",
    "waiting": "users who wait",
    "outlier": "single large users",
    "twyman": "effect too good",
    "changed_after_start": "plan was changed",
    "currencies": "other currencies",
    "low_counts": "few users",
    "events_before_anchor": "events before the start",
    "unassigned": "users without a variant",
    "left_out": "users with an override",
    "late_duplicates": "events that came again",
    "nameless": "events without a unit",
    "unreadable": "times that cannot be read",
}
STATUSES: Final[dict[CheckStatus, str]] = {
    "ok": "ok",
    "note": "note",
    "warning": "look",
    "alarm": "ALARM",
}
ROLES: Final[dict[Role, str]] = {"primary": "primary", "guardrail": "guardrail", "secondary": "secondary"}
ONE_LOOK: Final = "valid for one look only"
EXPLORATION: Final = "Exploration only: with many segments some differ by chance. No verdict comes from them."


def describe_verdict(verdict: Verdict) -> str:
    if verdict.code == "ship" and verdict.treatment:
        return f"Ship {verdict.treatment}"
    return VERDICTS[verdict.code]


def split_verdict(verdict: Verdict) -> tuple[str, str]:
    """A headline, and what the sentence says besides it."""
    title, sentence = describe_verdict(verdict), verdict.sentence
    if not sentence.startswith(title):
        return title, sentence
    ends = [end for mark in (": ", ". ") if (end := sentence.find(mark, len(title))) >= 0]
    if not ends:
        return sentence.rstrip("."), ""
    rest = sentence[min(ends) + 2 :]
    return sentence[: min(ends)], rest[:1].upper() + rest[1:]


def name_check(code: str) -> str:
    return CHECKS.get(code, code.replace("_", " "))


def name_metric(result: MetricResult) -> str:
    return result.metric.name or result.metric.key


def describe_anchor(design: Design) -> str:
    if design.anchor == ASSIGNMENT_ANCHOR:
        return "from each user's assignment on"
    return f"from each user's first {design.anchor} on"


def describe_dates(analysis: Analysis) -> str:
    """The days on which users came in (UTC)."""
    census = analysis.census
    if census.first_anchor is None or census.last_anchor is None:
        return "no users"
    first, last = (format_timestamp(at, "seconds")[:10] for at in (census.first_anchor, census.last_anchor))
    return first if first == last else f"{first} to {last}"


def describe_progress(analysis: Analysis) -> str:
    planned = analysis.design.planned_users
    if analysis.progress is None or planned is None:
        return "No plan: nobody said how many users are enough."
    share = format_share(analysis.progress)
    if analysis.progress >= 1:
        return f"The plan is reached: {share} of {planned:,} users for control and one treatment."
    return f"{share} of the {planned:,} users planned for control and one treatment."


def describe_setting(result: MetricResult) -> str:
    """How the metric was made comparable: ``primary; capped at 234.84; adjusted by what came before``."""
    parts: list[str] = [ROLES[result.role]]
    if result.role == "guardrail" and result.margin is not None:
        parts.append(f"may be worse by {format_share(result.margin)}")
    if result.metric.window:
        parts.append(f"first {result.metric.window}")
    if result.cap is not None:
        parts.append(f"capped at {format_number(result.cap)}")
    if result.theta is not None:
        parts.append("adjusted by the time before")
    if result.metric.better == "down":
        parts.append("lower is better")
    return ", ".join(parts)


def describe_decision(result: MetricResult, comparison: Comparison) -> str:
    if result.segment is not None:
        return ""
    return DECISIONS[comparison.decision]


def describe_confidence(comparison: Comparison) -> str:
    """Of the interval: ``95%``; with more comparisons it is wider."""
    return f"{100 * (1 - comparison.alpha):.4g}%"


def describe_interval(comparison: Comparison, *, is_fixed: bool = False) -> str:
    """Of the lift, or of the difference where there is no lift."""
    inference = comparison.fixed if is_fixed else comparison.current
    if inference is None:
        return DASH
    if inference.lift_interval is not None:
        return format_interval(inference.lift_interval, is_lift=True)
    return format_interval(inference.interval, is_lift=False)


def describe_intervals(results: Sequence[MetricResult], design: Design) -> str:
    """How sure they are, and whether one may look again."""
    shares: dict[str, list[str]] = {}
    for result in results:
        for comparison in result.comparisons:
            names = shares.setdefault(describe_confidence(comparison), [])
            if result.metric.key not in names:
                names.append(result.metric.key)
    each = "; ".join(share if len(shares) == 1 else f"{share}: {', '.join(n)}" for share, n in shares.items())
    look = "valid at any time, however often you look" if design.is_sequential else "valid for one look only"
    return f"Intervals ({each or 'none'}) and p are {look}."


def describe_effect(comparison: Comparison) -> str:
    """The lift, or the difference where there is no lift."""
    if comparison.lift is not None:
        return format_share(comparison.lift, is_signed=True)
    return format_number(comparison.difference, is_signed=True)


def describe_fixed(comparison: Comparison) -> str | None:
    """The fixed-horizon numbers, if they are there."""
    if comparison.fixed is None:
        return None
    interval = describe_interval(comparison, is_fixed=True)
    text = f"Fixed horizon: {interval}, p {format_p(comparison.fixed.p_value)} ({ONE_LOOK})"
    if comparison.chance_to_beat is None:
        return text
    return f"{text}; chance to beat the control {format_share(comparison.chance_to_beat)}, no reason to stop"


def get_lift_interval(comparison: Comparison) -> Interval | None:
    """What is drawn: valid at any time, or else of the fixed horizon."""
    inference = comparison.current or comparison.fixed
    return inference.lift_interval if inference else None


def list_notes(result: MetricResult) -> list[str]:
    """What is to be known about each comparison."""
    return [
        f"{name_metric(result)}, {comparison.treatment}: {note}"
        for comparison in result.comparisons
        for note in comparison.notes
    ]
