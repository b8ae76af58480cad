"""Analyses of made-up users, with the numbers that a test needs."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.inference import analyze
from realtime.analysis.model import (
    Analysis,
    Census,
    Check,
    Comparison,
    Design,
    Moments,
    PlannedMetric,
    Role,
    Sums,
    Users,
)

NOW = 1_780_000_000.0


def metric(key: str = "revenue", **fields: Any) -> MetricDocument:
    return MetricDocument.model_validate({"key": key, "event": "purchase", "aggregate": "sum"} | fields)


def planned(
    document: MetricDocument | None = None, role: Role = "primary", margin: float | None = None
) -> PlannedMetric:
    return PlannedMetric(document or metric(), role, margin)


def design(*metrics: PlannedMetric, **fields: Any) -> Design:
    shares = fields.pop("shares", {"control": 0.5, "treatment": 0.5})
    return Design(
        "checkout", "checkout", 1, 1, shares, "control", "assignment", metrics or (planned(),), **fields
    )


def sums(
    variant: str, users: int, mean: float, deviation: float = 1.0, *, converted: int | None = None
) -> Sums:
    """Of users with this mean and standard deviation of y; nothing else."""
    total = Fraction(mean) * users
    square = Fraction(deviation) ** 2 * max(users - 1, 0) + (total**2 / users if users else 0)
    totals = {name: Fraction(0) for name in "ydxz"} | {"y": total}
    products = {a + b: Fraction(0) for a, b in ("yy", "yd", "yx", "yz", "dd", "dx", "dz", "xx", "xz", "zz")}
    return Sums(variant, users, totals, products | {"yy": square}, users if converted is None else converted)


def moments(document: MetricDocument, **variants: tuple[Any, ...] | Sums) -> Moments:
    """``control=(users, mean, deviation)``."""
    listed = [one if isinstance(one, Sums) else sums(variant, *one) for variant, one in variants.items()]
    return Moments(document, listed)


def census(users: Mapping[str, int], **fields: Any) -> Census:
    return Census([Users(variant, count) for variant, count in users.items()], **fields)


def analyze_moments(plan: Design, measured: Sequence[Moments], **fields: Any) -> Analysis:
    """The census has the users of the first metric."""
    counted = {one.variant: one.users for one in measured[0].sums} if measured else {}
    return analyze(plan, fields.pop("census", census(counted)), measured, NOW, engine="test", **fields)


def find_check(analysis: Analysis, code: str) -> Check | None:
    return next((check for check in analysis.checks if check.code == code), None)


def compare(analysis: Analysis, key: str = "revenue", treatment: str = "treatment") -> Comparison:
    [comparison] = [
        one
        for result in analysis.metrics
        if result.metric.key == key
        for one in result.comparisons
        if one.treatment == treatment
    ]
    return comparison
