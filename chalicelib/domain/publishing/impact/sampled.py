"""How many of the recent decisions that were kept would get another answer after a publish."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from chalicelib.domain.recent_contexts import RecentContext

MIN_DECISIONS = 50
"""Fewer say nothing; contexts are made up instead."""
MAX_CHANGES = 10
ReadRecent: TypeAlias = Callable[[float], Sequence[RecentContext]]
"""Now in epoch seconds → the recent contexts that are kept."""
_Answer: TypeAlias = Callable[[str, Mapping[str, Any]], tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class SampledImpact:
    """``changes``: how many decisions go from one variant to another one."""

    decisions: int
    changes: Counter[tuple[str, str]]

    @property
    def share(self) -> float:
        return self.changes.total() / self.decisions


def measure_sampled_impact(
    name: tuple[str, str], answers: tuple[_Answer, _Answer], recent: Sequence[RecentContext]
) -> SampledImpact | None:
    """Over the decisions that asked for the definition ``name``; None if they are too few.

    A user's hash decides in place of the id. It falls into another bucket: shares are right, not each answer.
    """
    kept = [decision for decision in recent if decision.is_about(*name)]
    if len(kept) < MIN_DECISIONS:
        return None
    changes: Counter[tuple[str, str]] = Counter()
    for decision in kept:
        old, new = (answer(decision.unit, decision.context) for answer in answers)
        if old != new:
            changes[old[0], new[0] if new[0] != old[0] else "another value"] += 1
    return SampledImpact(len(kept), changes)


def format_sampled_share(impact: SampledImpact) -> str:
    return f"{impact.share:.1%} of {impact.decisions:,} sampled recent decisions"


def describe_sampled_impact(impact: SampledImpact) -> Iterator[str]:
    """Without contexts: they are those of people."""
    for (before, after), count in impact.changes.most_common(MAX_CHANGES):
        yield f"{before} → {after}: {count / impact.decisions:.1%}"
    if len(impact.changes) > MAX_CHANGES:
        yield f"and {len(impact.changes) - MAX_CHANGES} more changes"
