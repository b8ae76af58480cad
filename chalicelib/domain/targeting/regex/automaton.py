"""A pattern as a position automaton (Glushkov): one state for each atom, entered by a character it accepts.

An edge counts the ways from one state to the next, all of which a backtracking engine may try (2 means two or
more). Within repeats, positions such as ``\\b`` and look-around count as dead ends: so a pattern that is
ambiguous by this automaton really is.
"""

from collections import Counter
from functools import reduce
from re import _constants as op  # type: ignore[attr-defined,unused-ignore] # names of the nodes of the parse tree
from typing import Any, NamedTuple

from chalicelib.domain.targeting.regex.linear import apply_group_flags, compile_atom

_MANY_ROUNDS = 10
"""A counted repeat with more rounds is treated as endless, unless it stands within a repeat."""
_MAX_COPIES = 25
_MAX_STATES = 300
_ATOMS = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)
_SAMPLES = "".join(map(chr, range(128))) + "éЖ中٣€\x85\u2003"


class TooLarge(ValueError):
    """The pattern has too many states to compare them in pairs."""


class Fragment(NamedTuple):
    """A part of the automaton: in how many ways it matches nothing, starts with, and ends with each state."""

    empty: int
    first: Counter[int]
    last: Counter[int]


_NOTHING = Fragment(1, Counter(), Counter())
_DEAD_END = Fragment(0, Counter(), Counter())


class Automaton:
    """``accepts``: the sample characters that a state accepts. ``follow``: its edges.

    ``rounds``: the most rounds of a counted repeat, by its state. ``has_empty_rounds``: a counted repeat has
    many required rounds, and any of them may be empty.
    """

    def __init__(self, nodes: Any, tree: Any) -> None:
        self.accepts: list[frozenset[str]] = []
        self.follow: dict[int, Counter[int]] = {}
        self.rounds: dict[int, int] = {}
        self.has_empty_rounds = False
        self._samples = "".join({*_SAMPLES, *tree.state.str})
        self.first = self._build_sequence(
            _drop_optional_end(nodes), tree.state.flags, is_in_repeat=False
        ).first

    def _build_sequence(self, nodes: Any, flags: int, is_in_repeat: bool) -> Fragment:
        return reduce(
            self._concatenate, (self._build_node(node, flags, is_in_repeat) for node in nodes), _NOTHING
        )

    def _build_node(self, node: Any, flags: int, is_in_repeat: bool) -> Fragment:
        kind, argument = node
        if kind in _ATOMS:
            return self._add_state(frozenset(compile_atom((node, flags)).findall(self._samples)))
        if kind is op.GROUPREF:
            return self._add_state(frozenset(self._samples))
        if kind is op.SUBPATTERN:
            return self._build_sequence(argument[3], apply_group_flags(argument, flags), is_in_repeat)
        if kind is op.BRANCH:
            return _alternate([self._build_sequence(branch, flags, is_in_repeat) for branch in argument[1]])
        if kind is op.GROUPREF_EXISTS:
            return _alternate(
                [self._build_sequence(branch or (), flags, is_in_repeat) for branch in argument[1:]]
            )
        if kind in _REPEATS:
            return self._build_repeat(argument, flags, is_in_repeat)
        return _DEAD_END if is_in_repeat else _NOTHING

    def _add_state(self, accepted: frozenset[str]) -> Fragment:
        self.accepts.append(accepted)
        if len(self.accepts) > _MAX_STATES:
            raise TooLarge
        state = len(self.accepts) - 1
        self.follow[state] = Counter()
        return Fragment(0, Counter([state]), Counter([state]))

    def _build_repeat(self, argument: Any, flags: int, is_in_repeat: bool) -> Fragment:
        min_rounds, max_rounds, body = argument
        is_endless = max_rounds is op.MAXREPEAT
        if not is_endless and (is_in_repeat or max_rounds <= _MANY_ROUNDS or _has_endless_repeat(body)):
            copies = max_rounds if is_in_repeat else min(max_rounds, _MAX_COPIES)
            return self._unroll(min_rounds, copies, body, flags, is_in_repeat)
        empty, first, last = self._build_sequence(body, flags, is_in_repeat=True)
        self._link(last, first)
        if not is_endless:
            self.has_empty_rounds |= empty > 0 and min_rounds > _MANY_ROUNDS
            if len(body) == 1 and body[0][0] in _ATOMS:
                self.rounds[max(first)] = int(max_rounds)
        return Fragment(empty if min_rounds else 1, first, last)

    def _unroll(
        self, min_rounds: int, max_rounds: int, body: Any, flags: int, is_in_repeat: bool
    ) -> Fragment:
        fragment = _NOTHING
        for index in reversed(range(int(max_rounds))):
            fragment = self._concatenate(self._build_sequence(body, flags, is_in_repeat), fragment)
            if index >= min_rounds:
                fragment = fragment._replace(empty=min(fragment.empty + 1, 2))
        return fragment

    def _concatenate(self, left: Fragment, right: Fragment) -> Fragment:
        self._link(left.last, right.first)
        return Fragment(
            min(left.empty * right.empty, 2),
            _add(left.first, right.first, left.empty),
            _add(right.last, left.last, right.empty),
        )

    def _link(self, last: Counter[int], first: Counter[int]) -> None:
        for state, ways in last.items():
            following = self.follow[state]
            for after, more in first.items():
                following[after] = min(following[after] + ways * more, 2)


def _add(a: Counter[int], b: Counter[int], ways: int) -> Counter[int]:
    """``a + ways * b``, at most 2 each."""
    return Counter({state: min(a[state] + ways * b[state], 2) for state in (a | b if ways else a)})


def _alternate(parts: list[Fragment]) -> Fragment:
    return Fragment(
        min(sum(part.empty for part in parts), 2),
        reduce(lambda a, b: _add(a, b, 1), [part.first for part in parts]),
        reduce(lambda a, b: _add(a, b, 1), [part.last for part in parts]),
    )


def _drop_optional_end(nodes: Any) -> list[Any]:
    """Without the optional rounds at the end: nothing comes after them that can fail and go back."""
    if not len(nodes):
        return []
    *before, (kind, argument) = nodes
    if kind in _REPEATS:
        min_rounds, _max_rounds, body = argument
        return [*before, (kind, (min_rounds, min_rounds, body))] if min_rounds else _drop_optional_end(before)
    if kind is op.SUBPATTERN:
        return [*before, (kind, (*argument[:3], _drop_optional_end(argument[3])))]
    return list(nodes)


def _has_endless_repeat(nodes: Any) -> bool:
    return any(
        (kind in _REPEATS and argument[1] is op.MAXREPEAT)
        or any(map(_has_endless_repeat, list_children((kind, argument))))
        for kind, argument in nodes
    )


def list_children(node: Any) -> list[Any]:
    """The sequences within a node of the parse tree."""
    kind, argument = node
    if kind in (op.SUBPATTERN, op.ASSERT, op.ASSERT_NOT, *_REPEATS):
        return [argument[-1]]
    if kind is op.BRANCH:
        return list(argument[1])
    return [part for part in argument[1:] if part] if kind is op.GROUPREF_EXISTS else []
