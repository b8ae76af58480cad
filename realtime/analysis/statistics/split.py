"""Are users in the variants in the shares that were planned, and is what is missing missing alike?"""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib.domain.sample_ratio import MIN_EXPECTED, chi_square_p_value


class ChiSquare(NamedTuple):
    value: float
    p_value: float


def compare_split(users: Mapping[str, int], shares: Mapping[str, float]) -> ChiSquare | None:
    """A variant that nobody is in counts as well. None: too few users, or only one variant."""
    wanted = {variant: share for variant, share in shares.items() if share > 0}
    total, whole = sum(users.get(variant, 0) for variant in wanted), sum(wanted.values())
    expected = {variant: total * share / whole for variant, share in wanted.items()}
    if len(expected) < 2 or min(expected.values()) < MIN_EXPECTED:
        return None
    value = sum((users.get(variant, 0) - count) ** 2 / count for variant, count in expected.items())
    return ChiSquare(value, chi_square_p_value(value, len(expected) - 1))
