"""A gate and a split on the halves of one hash of the user's id, in one closure.

Native flags and experiments have this shape, and so has whatever is written like them. It is recognised by
shape; it halves their time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from mmh3 import mmh3_x64_128_utupledigest as murmur

from chalicelib.domain.general_form.compiled import Compiled
from chalicelib.domain.general_form.served import NEXT, UNDECIDED, Decide, Served
from chalicelib.domain.general_form.shards import Shard
from chalicelib.domain.general_form.state import Context, State

Ends = Sequence[tuple[int, Any]]
"""(end of a range, answer), ascending from 0 without a gap."""


class _Half(NamedTuple):
    """Ranges on one half of a hash of the user's id."""

    prefix: str
    half: int
    ends: Ends


def fuse_halves(
    gates: Sequence[Compiled], served: Served, otherwise: Served, decide_slow: Decide
) -> Decide | None:
    """None for other shapes. ``decide_slow`` does the same for users without an id that can be hashed."""
    split = _read_split(served)
    if not gates:
        return _decide_by_half(split, decide_slow) if split else None
    gate = _read_gate(gates)
    if gate is None or otherwise.constant is None:
        return None
    (outside,) = otherwise.constant
    if served.constant is not None:
        ends = [(gate.ends[0][0], served.constant[0]), (1 << 64, outside)]
        return _decide_by_half(gate._replace(ends=ends), decide_slow)
    if split is None or split.prefix != gate.prefix:
        return None
    return _decide_by_halves(gate, split, outside, decide_slow)


def _decide_by_half(half: _Half, decide_slow: Decide) -> Decide:
    prefix, index = half.prefix.encode(), half.half
    if len(half.ends) == 2:
        (end, inside), (_, outside) = half.ends

        def decide_of_two(user: str | None, context: Context, state: State) -> Any:
            try:
                place = murmur(prefix + user.encode(), 0)[index]  # type: ignore[union-attr]
            except (AttributeError, UnicodeEncodeError):  # no user, or a lone surrogate
                return decide_slow(user, context, state)
            return inside if place < end else outside

        return decide_of_two
    ends = half.ends

    def decide(user: str | None, context: Context, state: State) -> Any:
        try:
            place = murmur(prefix + user.encode(), 0)[index]  # type: ignore[union-attr]
        except (AttributeError, UnicodeEncodeError):
            return decide_slow(user, context, state)
        for end, answer in ends:
            if place < end:
                break
        return answer

    return decide


def _decide_by_halves(gate: _Half, split: _Half, outside: Any, decide_slow: Decide) -> Decide:
    prefix, gate_index, split_index = gate.prefix.encode(), gate.half, split.half
    gate_end, ends = gate.ends[0][0], split.ends

    def decide(user: str | None, context: Context, state: State) -> Any:
        try:
            places = murmur(prefix + user.encode(), 0)  # type: ignore[union-attr]
        except (AttributeError, UnicodeEncodeError):
            return decide_slow(user, context, state)
        if places[gate_index] >= gate_end:
            return outside
        place = places[split_index]
        for end, answer in ends:
            if place < end:
                break
        return answer

    return decide


def _read_gate(gates: Sequence[Compiled]) -> _Half | None:
    """One gate with one range that begins at 0."""
    if len(gates) != 1 or gates[0].shard is None:
        return None
    shard, bounds = gates[0].shard
    if len(bounds) != 1 or bounds[0][0] != 0 or not _is_half(shard):
        return None
    return _Half(shard.scheme.identity[1], shard.scheme.half or 0, [(bounds[0][1], None)])


def _read_split(served: Served) -> _Half | None:
    """Arms without a gap that serve nothing but answers."""
    if served.split is None or not _is_half(served.split[0]):
        return None
    shard, arms = served.split
    start, ends = 0, []
    for arm in arms:
        if arm.start != start or arm.served.constant is None:
            return None
        if arm.served.constant[0] is NEXT or arm.served.constant[0] is UNDECIDED:
            return None
        ends.append((arm.end, arm.served.constant[0]))
        start = arm.end
    if start != shard.scheme.raw_end:
        return None
    return _Half(shard.scheme.identity[1], shard.scheme.half or 0, ends)


def _is_half(shard: Shard) -> bool:
    return shard.is_user and shard.scheme.half is not None
