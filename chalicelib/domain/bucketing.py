"""Which bucket a user falls into: one 128-bit MurmurHash3, two independent decisions.

The first 64-bit half decides traffic or rollout, the second the variant, so that a 10 % rollout still
splits 50/50. Frozen by the golden vectors in docs/bucketing.json: changing one is a new hash version.
"""

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import accumulate
from typing import Literal

from mmh3 import mmh3_x64_128_utupledigest as murmur

BUCKETS = 100_000
"""Resolution: one bucket is 0.001 %."""

KEY_PATTERN = "[A-Za-z0-9._-]{1,128}"
"""Of keys, ids and salts. They are parts of hash inputs, where ``/`` and ``:`` separate the parts."""
is_key = re.compile(KEY_PATTERN).fullmatch

Kind = Literal["experiment", "flag", "layer", "holdout", "rule", "tracking"]


def make_prefix(kind: Kind, salt: str) -> str:
    """The constant part of the hash input; ``/`` and ``:`` cannot occur in kinds and salts."""
    return f"{kind}/{salt}:"


def compute_halves(hash_prefix: str, user_id: str) -> tuple[int, int]:
    """Both 64-bit halves, unsigned, of ``murmur3_x64_128(utf8(prefix + user_id), seed 0)``.

    Raises UnicodeEncodeError for a lone surrogate, on which mmh3's functions for a str crash the process.
    (mmh3's ``hash64`` is no alternative: as a fourth positional argument it ignores ``signed``.)
    """
    return murmur((hash_prefix + user_id).encode(), 0)


def compute_bucket(half: int) -> int:
    """0 to 99,999, uniform, from a 64-bit half."""
    return (half * BUCKETS) >> 64


def compute_threshold(buckets: int) -> int:
    """The smallest half whose bucket is ≥ ``buckets``.

    ``half < compute_threshold(n)`` is ``compute_bucket(half) < n``, without a multiplication and a shift.
    """
    return -((-buckets << 64) // BUCKETS)


def share_to_buckets(share: float | Decimal) -> int:
    """A share of 0 to 1 as a number of buckets. It is read as a decimal, so 0.1 is exactly 10,000."""
    return int((Decimal(str(share)) * BUCKETS).to_integral_value(ROUND_HALF_EVEN))


def compute_upper_bounds(shares: Iterable[float | Decimal]) -> tuple[int, ...]:
    """Upper bounds, in buckets, of half-open ranges in the order of ``shares``; the last is `BUCKETS`.

    It rounds sums, not shares, so that 1/3 + 1/3 + 1/3 leaves no bucket without an owner.
    """
    sums = list(accumulate(Decimal(str(share)) for share in shares))
    return tuple([share_to_buckets(total) for total in sums[:-1]] + [BUCKETS])
