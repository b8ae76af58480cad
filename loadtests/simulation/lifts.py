"""Intervals of the lift between few users: which kinds leave out 0 where nothing was done?"""

from collections import Counter
from math import log, sqrt

import numpy as np

from loadtests.simulation.halves import ALPHA
from loadtests.simulation.users import Users, make_sums
from realtime.analysis.model import Interval
from realtime.analysis.statistics.estimates import estimate_variants
from realtime.analysis.statistics.horizons import FixedHorizon
from realtime.analysis.statistics.pair import Pair, make_pair

KINDS = ("Fieller", "delta method", "log scale", "delta method against its p-value")


def count_false_lifts(everybody: Users, size: int, runs: int, random: np.random.Generator) -> Counter[str]:
    """Of revenue. The last kind counts where the interval and the p-value say different things."""
    found: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
    for _ in range(runs):
        users = everybody.select(random.permutation(len(everybody))[:size])
        is_treated = random.random(size) < 0.5
        sums = [make_sums("half", {"y": users.cents[half]}) for half in (~is_treated, is_treated)]
        estimates = [
            estimate_variants([one], is_ratio=False, has_pre_period=False).raw["half"] for one in sums
        ]
        pair = make_pair(*estimates)
        if pair is None:
            continue
        k = FixedHorizon().find_k(pair, ALPHA)
        fieller, delta = pair.find_lift_interval(k), _find_delta_interval(pair, k)
        found["Fieller"] += int(fieller is not None and _leaves_out_0(fieller))
        found["delta method"] += int(_leaves_out_0(delta))
        found["log scale"] += int(_leaves_out_0(_find_log_interval(pair, k)))
        found["delta method against its p-value"] += int(
            _leaves_out_0(delta) != _leaves_out_0(pair.find_interval(k))
        )
    return found


def _find_delta_interval(pair: Pair, k: float) -> Interval:
    if pair.control == 0:
        return Interval(None, None)
    ratio = pair.treatment / pair.control
    error = sqrt(pair.treatment_error + ratio**2 * pair.control_error) / pair.control
    return Interval(ratio - 1 - k * error, ratio - 1 + k * error)


def _find_log_interval(pair: Pair, k: float) -> Interval:
    if pair.control <= 0 or pair.treatment <= 0:
        return Interval(None, None)
    middle = log(pair.treatment / pair.control)
    error = sqrt(pair.treatment_error / pair.treatment**2 + pair.control_error / pair.control**2)
    return Interval(middle - k * error, middle + k * error)


def _leaves_out_0(interval: Interval) -> bool:
    if interval.lower is None or interval.upper is None:
        return False
    return interval.lower > 0 or interval.upper < 0
