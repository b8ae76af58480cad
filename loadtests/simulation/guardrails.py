"""A treatment that is worse by exactly the margin: how often does the guardrail hold all the same?"""

import numpy as np

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from loadtests.simulation.halves import ALPHA
from loadtests.simulation.users import Users, make_sums
from realtime.analysis.comparing import compare_metric
from realtime.analysis.model import Design, Moments, PlannedMetric

_METRIC = MetricDocument(key="revenue", event="purchase", aggregate="sum")
_PLANNED = PlannedMetric(_METRIC, "guardrail", 0.1)
_SHARES = {"control": 0.5, "treatment": 0.5}


def count_false_holds(everybody: Users, size: int, runs: int, random: np.random.Generator) -> int:
    """At one look, by the code that `analyze` runs."""
    design = Design(
        *("simulation", "simulation", 1, 1, _SHARES, "control", "assignment", [_PLANNED]),
        alpha=ALPHA,
        is_sequential=False,
        is_fixed_asked=True,
    )
    holds = 0
    for _ in range(runs):
        users = everybody.select(random.permutation(len(everybody))[:size])
        is_treated = random.random(size) < 0.5
        halves = {"control": 10 * users.cents[~is_treated], "treatment": 9 * users.cents[is_treated]}
        sums = [make_sums(variant, {"y": numbers}) for variant, numbers in halves.items()]
        [comparison] = compare_metric(design, _PLANNED, Moments(_METRIC, sums)).comparisons
        is_held = comparison.current is not None and (comparison.current.p_value or 1.0) < ALPHA
        holds += int(is_held)
    return holds
