"""Decisions of secondary metrics: together, so that at most α of the differences that are named are false."""

from collections.abc import Sequence
from dataclasses import replace

from realtime.analysis.decisions import decide_difference, find_shortage
from realtime.analysis.model import Comparison, Design, MetricResult
from realtime.analysis.statistics.comparisons import reject_by_benjamini_hochberg


def decide_secondaries(design: Design, results: Sequence[MetricResult]) -> list[MetricResult]:
    """By Benjamini–Hochberg over all secondary metrics and treatments with users enough for a decision."""
    secondaries = [result for result in results if result.role == "secondary"]
    p_values = [_find_p(result, one, design) for result in secondaries for one in result.comparisons]
    stands = iter(reject_by_benjamini_hochberg(p_values, design.alpha))
    return [
        replace(
            result,
            comparisons=[_decide_secondary(design, result, one, next(stands)) for one in result.comparisons],
        )
        if result.role == "secondary"
        else result
        for result in results
    ]


def _find_p(result: MetricResult, comparison: Comparison, design: Design) -> float | None:
    pair = result.variants[design.control], result.variants[comparison.treatment]
    if comparison.current is None or find_shortage(result.metric, *pair):
        return None
    return comparison.current.p_value


def _decide_secondary(
    design: Design, result: MetricResult, comparison: Comparison, is_significant: bool
) -> Comparison:
    if _find_p(result, comparison, design) is None or comparison.current is None:
        return comparison
    assert comparison.difference is not None  # noqa: S101  there is a p-value of it
    decision = decide_difference(
        result.metric, comparison.difference, comparison.current, is_significant=is_significant
    )
    return replace(comparison, decision=decision)
