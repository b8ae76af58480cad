"""Values as integers, so that sums are exact in any order. Pure.

A value is counted in units of 10⁻¹⁸. That holds every number that has up to 18 decimals, also the noise of
0.1 + 0.2 = 0.30000000000000004. What has more decimals is refused rather than rounded.
"""

from collections.abc import Sequence
from decimal import Decimal

MAX_VALUE = 100_000_000_000
MAX_DECIMALS = 18
SCALE: int = 10**MAX_DECIMALS

_COARSE = 10_000
_FINE: int = SCALE // _COARSE


def scale_value(value: float) -> int | None:
    """``value`` (an int or a finite float within ±MAX_VALUE) × SCALE; None if it has more than 18 decimals.

    A float means the shortest decimal that reads as that float, which is also what JSON writes.
    """
    coarse: int = round(value * _COARSE)  # exact for four decimals: the product is below 2 ** 53
    if coarse / _COARSE == value:
        return coarse * _FINE
    scaled = Decimal(repr(value)).scaleb(MAX_DECIMALS)
    amount = int(scaled)
    return amount if amount == scaled else None


def scale_values(values: Sequence[float | None]) -> list[int | None] | None:
    """Each of ``values`` as `scale_value` has it, in half the time; None if one has too many decimals."""
    coarse = [None if value is None else round(value * _COARSE) for value in values]
    if [None if number is None else number / _COARSE for number in coarse] == values:
        return [None if number is None else number * _FINE for number in coarse]
    amounts = [None if value is None else scale_value(value) for value in values]
    return None if amounts.count(None) > values.count(None) else amounts
