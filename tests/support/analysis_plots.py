"""Plots from plain numbers."""

from fractions import Fraction

from realtime.analysis.model import Analysis, Bin, DaySum, Interval
from realtime.analysis.reports.plots import DAY, Curve, MetricPlots, Step
from tests.support.analyses import NOW


def make_curve(days: int = 12, treatment: str = "treatment") -> Curve:
    """Wide at first, and open on the first day."""
    steps = []
    for day in range(1, days + 1):
        half = 0.4 / day**0.5
        lower = None if day == 1 else 0.05 - half
        steps.append(Step(NOW - (days - day) * DAY, 0.05 + 0.02 / day, Interval(lower, 0.05 + half)))
    return Curve(treatment, steps, is_lift=True)


def make_plots(analysis: Analysis) -> list[MetricPlots]:
    """Of the first metric, as `read_plots` makes them."""
    result = analysis.metrics[0]
    variants = list(result.variants)
    bins = [
        Bin(key, 10.0 * number, 10.0 * number + 10, [700, 150, 80, 0, 40, 30][number] + place)
        for place, key in enumerate(variants)
        for number in range(6)
    ]
    days = [
        DaySum(key, day, 1000 - 50 * day, Fraction(3000 + 40 * place, 1 + day))
        for place, key in enumerate(variants)
        for day in range(8)
    ]
    curves = [make_curve(treatment=comparison.treatment) for comparison in result.comparisons]
    return [MetricPlots(result, curves, bins, days)]
