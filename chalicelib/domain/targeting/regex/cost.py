"""An upper bound on the steps of a backtracking search, computed from a pattern's parse tree.

Each node has ``ways``, in which it can match at one position, and ``work``, the steps to try them all. What
follows a node is tried once for each way. A look-around is never entered again, so it has one way. The bound
ignores which characters occur, so it can only be too high.
"""

import re
from bisect import bisect
from re import _constants as op  # type: ignore[attr-defined,unused-ignore] # names of the nodes of the parse tree
from typing import Any

from chalicelib.domain.targeting.document import InvalidOperand

MAX_LENGTH = 1 << 16
MAX_CLASS_SIZE = 1 << 16
"""Code points in the classes of a case-insensitive pattern: compiling visits each of them."""

Cost = tuple[float, float]
"""Ways and work."""
_ONE_STEP = frozenset({op.LITERAL, op.NOT_LITERAL, op.ANY, op.AT})
_ONE_CHARACTER = frozenset({op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN})


def find_longest_text(tree: Any, steps: int) -> int:
    """A length up to which no search exceeds ``steps``, at least 8/9 of the largest; -1 if none."""
    if tree.state.flags & re.IGNORECASE and _count_code_points(tree) > MAX_CLASS_SIZE:
        raise InvalidOperand("has a class too wide to ignore case in")
    if count_search_steps(tree, 0) > steps:
        return -1
    powers = range(MAX_LENGTH.bit_length())
    fitting = bisect(powers, False, key=lambda power: count_search_steps(tree, 1 << power) > steps)
    longest = 1 << fitting >> 1
    for eighth in (longest >> 1, longest >> 2, longest >> 3):
        if longest < MAX_LENGTH and eighth and count_search_steps(tree, longest + eighth) <= steps:
            longest += eighth
    return longest


def count_search_steps(tree: Any, length: int) -> float:
    """One attempt per position, unless the pattern can only match at the start."""
    _ways, work = _bound_sequence(tree, length)
    groups: float = 1 + tree.state.groups / 16  # each step back restores all groups
    return groups * (length + work if is_anchored(tree) else (length + 1) * work)


def is_anchored(tree: Any) -> bool:
    if not len(tree):
        return False
    kind, argument = tree[0]
    if kind is op.SUBPATTERN and not argument[1]:
        return is_anchored(argument[3])
    if kind is not op.AT:
        return False
    return argument is op.AT_BEGINNING_STRING or (
        argument is op.AT_BEGINNING and not tree.state.flags & re.MULTILINE
    )


def _bound_sequence(nodes: Any, length: int) -> Cost:
    ways, work = 1.0, 1.0
    for node in nodes:
        more_ways, more_work = _bound_node(node, length)
        work += ways * more_work
        ways = ways * more_ways
    return ways, work


def _bound_node(node: Any, length: int) -> Cost:
    kind, argument = node
    if kind in _ONE_STEP:
        return 1, 1
    if kind is op.IN:
        return 1, len(argument)
    if kind is op.SUBPATTERN:
        return _bound_sequence(argument[3], length)
    if kind is op.BRANCH:
        return _bound_branches(argument[1], length)
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        min_rounds, max_rounds, body = argument
        return _bound_repeat(min_rounds, max_rounds, body, length)
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return 1, _bound_sequence(argument[1], length)[1] + 1
    if kind is op.GROUPREF:
        return 1, length + 1
    if kind is op.GROUPREF_EXISTS:
        return _bound_branches([argument[1], argument[2] or ()], length)
    raise InvalidOperand("has possessive or atomic parts, which Python versions read differently")


def _bound_branches(branches: Any, length: int) -> Cost:
    costs = [_bound_sequence(branch, length) for branch in branches]
    return sum(ways for ways, _ in costs), 1 + sum(work for _, work in costs)


def _bound_repeat(min_rounds: int, max_rounds: int, body: Any, length: int) -> Cost:
    """A body with b ways can match k times in b^k ways. Rounds after ``min_rounds`` consume a character."""
    ways, work = _bound_sequence(body, length)
    is_one_character = len(body) == 1 and body[0][0] in _ONE_CHARACTER
    rounds = min(int(max_rounds), length + (0 if is_one_character else int(min_rounds) + 1))
    if ways <= 1:
        return max(1.0, rounds - int(min_rounds) + 1), (rounds + 1) * (work + 1)
    if rounds * ways > 1e6:
        return 1e30, 1e30
    try:
        total = (ways ** (rounds + 1) - 1) / (ways - 1)
    except OverflowError:
        return 1e30, 1e30
    return total, total * (work + 1)


def _count_code_points(nodes: Any) -> int:
    total = 0
    for kind, argument in nodes:
        if kind is op.RANGE:
            total += argument[1] - argument[0]
        elif kind in (op.IN, op.SUBPATTERN, op.ASSERT, op.ASSERT_NOT, op.MAX_REPEAT, op.MIN_REPEAT):
            total += _count_code_points(argument if kind is op.IN else argument[-1])
        elif kind is op.BRANCH:
            total += sum(map(_count_code_points, argument[1]))
        elif kind is op.GROUPREF_EXISTS:
            total += sum(_count_code_points(part) for part in argument[1:] if part)
    return total
