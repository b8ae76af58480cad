"""Users who are moved by a change of the split: 50/50 becomes 20/80 without sticky assignments."""

from collections import Counter

import numpy as np

from loadtests.simulation.halves import ALPHA, find_p

KINDS = ("first variant", "movers left out", "latest variant")
SPREAD = 1.5
"""σ of the logarithm of users' activity: some come daily, some once a year."""


def count_false_alarms_of_movers(size: int, runs: int, random: np.random.Generator) -> Counter[str]:
    """Only who comes after the change can move; and who comes often buys often, whatever the variant."""
    found: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for _ in range(runs):
        activity = np.exp(random.normal(0, SPREAD, size))
        before, after = random.poisson(activity), random.poisson(activity)
        y = before + after
        half = random.random(size)
        first = half >= 0.5
        has_moved = (half >= 0.2) & (half < 0.5) & (after > 0)
        latest = first | has_moved
        groups = {
            "first variant": (y, first),
            "movers left out": (y[~has_moved], first[~has_moved]),
            "latest variant": (y, latest),
        }
        for name, (numbers, is_treated) in groups.items():
            found[name] += int(find_p({"y": numbers}, is_treated) < ALPHA)
    return found
