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
"""Of keys, ids and salts. They are parts of a hash's input, which separates parts by ``/`` and ``:``."""
is_key = re.compile(KEY_PATTERN).fullmatch

Kind = Literal["experiment", "flag", "layer", "holdout", "rule", "tracking"]


def prefix(kind: Kind, salt: str) -> str:
    """The constant part of the hash input; ``/`` and ``:`` cannot occur in kinds and salts."""
    return f"{kind}/{salt}:"


def halves(hash_prefix: str, user_id: str) -> tuple[int, int]:
    """Both 64-bit halves, unsigned, of ``murmur3_x64_128(utf8(prefix + user_id), seed 0)``.

    Raises UnicodeEncodeError for a lone surrogate: mmh3's functions that take a str crash the process on
    one. (Its ``hash64`` with four positional arguments answers signed numbers whatever the fourth says.)
    """
    return murmur((hash_prefix + user_id).encode(), 0)


def bucket(half: int) -> int:
    """0 … 99,999, uniformly, from a 64-bit half."""
    return (half * BUCKETS) >> 64


def threshold(buckets: int) -> int:
    """The smallest half whose bucket is ≥ ``buckets``: ``half < threshold(n)`` is ``bucket(half) < n``.

    Comparing with a constant saves the request a multiplication and a shift.
    """
    return -((-buckets << 64) // BUCKETS)


def share_to_buckets(share: float | Decimal) -> int:
    """A share 0–1 as a number of buckets, read as the decimal that was written (0.1 is 10,000, exactly)."""
    return int((Decimal(str(share)) * BUCKETS).to_integral_value(ROUND_HALF_EVEN))


def cumulative(shares: Iterable[float | Decimal]) -> tuple[int, ...]:
    """Upper bounds, in buckets, of half-open ranges that own ``shares`` in order; the last one closes at 1.

    Sums are rounded, not parts, so that 1/3 + 1/3 + 1/3 leaves no bucket without an owner.
    """
    sums = list(accumulate(Decimal(str(share)) for share in shares))
    return tuple([share_to_buckets(total) for total in sums[:-1]] + [BUCKETS])
