"""Several comparisons at once."""

from collections.abc import Sequence


def reject_by_benjamini_hochberg(p_values: Sequence[float | None], alpha: float) -> list[bool]:
    """Which differences stand if at most ``alpha`` of those that stand may be false (1995).

    None is a comparison that could not be made; it counts for nothing.
    """
    ordered = sorted(p for p in p_values if p is not None)
    passing = [p for rank, p in enumerate(ordered, 1) if p <= alpha * rank / len(ordered)]
    limit = passing[-1] if passing else -1.0
    return [p is not None and p <= limit for p in p_values]
