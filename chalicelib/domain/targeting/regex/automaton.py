"""A pattern as an automaton without empty steps: a state per atom, entered by a character that it takes.

Edges count the ways that lead from one state to the next (2 stands for any more), as a backtracking engine
would try them all. Within repeats, positions such as ``\\b`` and look-around are taken for dead ends, so that
what is found ambiguous is so.
"""

from collections import Counter
from functools import reduce
from re import _constants as op  # type: ignore[attr-defined] # names of the nodes of the parse tree
from typing import Any, NamedTuple

from chalicelib.domain.targeting.regex.linear import alone, inner_flags

_MANY = 10
"""Rounds from which on a counted repeat is like one without end, unless it stands in a repeat."""
_COPIES = 25
_STATES = 300
_ATOMS = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)
_SAMPLES = "".join(map(chr, range(128))) + "éЖ中٣€\x85\u2003"


class TooLarge(ValueError):
    """The pattern has too many states to look at all of their pairs."""


class Part(NamedTuple):
    """Of an automaton: in how many ways it matches nothing, and starts and ends with each state."""

    empty: int
    first: Counter[int]
    last: Counter[int]


_NOTHING = Part(1, Counter(), Counter())
_DEAD_END = Part(0, Counter(), Counter())


class Automaton:
    """``takes``: a state's characters, of a sample. ``follow``: its edges. ``rounds``: of counted repeats.

    ``doubles``: a counted repeat has rounds that may be empty, any of them.
    """

    def __init__(self, nodes: Any, tree: Any) -> None:
        self.takes: list[frozenset[str]] = []
        self.follow: dict[int, Counter[int]] = {}
        self.rounds: dict[int, int] = {}
        self.doubles = False
        self._samples = "".join({*_SAMPLES, *tree.state.str})
        self.first = self._sequence(_without_tail(nodes), tree.state.flags, looping=False).first

    def _sequence(self, nodes: Any, flags: int, looping: bool) -> Part:
        return reduce(self._then, (self._node(node, flags, looping) for node in nodes), _NOTHING)

    def _node(self, node: Any, flags: int, looping: bool) -> Part:
        kind, argument = node
        if kind in _ATOMS:
            return self._state(frozenset(alone((node, flags)).findall(self._samples)))
        if kind is op.GROUPREF:
            return self._state(frozenset(self._samples))
        if kind is op.SUBPATTERN:
            return self._sequence(argument[3], inner_flags(argument, flags), looping)
        if kind is op.BRANCH:
            return _either([self._sequence(branch, flags, looping) for branch in argument[1]])
        if kind is op.GROUPREF_EXISTS:
            return _either([self._sequence(branch or (), flags, looping) for branch in argument[1:]])
        if kind in _REPEATS:
            return self._repeat(argument, flags, looping)
        return _DEAD_END if looping else _NOTHING

    def _state(self, taken: frozenset[str]) -> Part:
        self.takes.append(taken)
        if len(self.takes) > _STATES:
            raise TooLarge
        state = len(self.takes) - 1
        self.follow[state] = Counter()
        return Part(0, Counter([state]), Counter([state]))

    def _repeat(self, argument: Any, flags: int, looping: bool) -> Part:
        least, most, body = argument
        endless = most is op.MAXREPEAT
        if not endless and (looping or most <= _MANY or _has_endless(body)):
            return self._copies(least, most if looping else min(most, _COPIES), body, flags, looping)
        empty, first, last = self._sequence(body, flags, looping=True)
        self._link(last, first)
        if not endless:
            self.doubles |= empty > 0 and least > _MANY
            if len(body) == 1 and body[0][0] in _ATOMS:
                self.rounds[max(first)] = int(most)
        return Part(empty if least else 1, first, last)

    def _copies(self, least: int, most: int, body: Any, flags: int, looping: bool) -> Part:
        part = _NOTHING
        for index in reversed(range(int(most))):
            part = self._then(self._sequence(body, flags, looping), part)
            if index >= least:
                part = part._replace(empty=min(part.empty + 1, 2))
        return part

    def _then(self, one: Part, other: Part) -> Part:
        self._link(one.last, other.first)
        return Part(
            min(one.empty * other.empty, 2),
            _sum(one.first, other.first, one.empty),
            _sum(other.last, one.last, other.empty),
        )

    def _link(self, last: Counter[int], first: Counter[int]) -> None:
        for state, ways in last.items():
            following = self.follow[state]
            for after, more in first.items():
                following[after] = min(following[after] + ways * more, 2)


def _sum(one: Counter[int], other: Counter[int], ways: int) -> Counter[int]:
    return Counter({key: min(one[key] + ways * other[key], 2) for key in (one | other if ways else one)})


def _either(parts: list[Part]) -> Part:
    return Part(
        min(sum(part.empty for part in parts), 2),
        reduce(lambda one, other: _sum(one, other, 1), [part.first for part in parts]),
        reduce(lambda one, other: _sum(one, other, 1), [part.last for part in parts]),
    )


def _without_tail(nodes: Any) -> list[Any]:
    """Less the rounds at the end that a search never needs: nothing behind them can fail and go back."""
    if not len(nodes):
        return []
    *before, (kind, argument) = nodes
    if kind in _REPEATS:
        least, _most, body = argument
        return [*before, (kind, (least, least, body))] if least else _without_tail(before)
    if kind is op.SUBPATTERN:
        return [*before, (kind, (*argument[:3], _without_tail(argument[3])))]
    return list(nodes)


def _has_endless(nodes: Any) -> bool:
    return any(
        (kind in _REPEATS and argument[1] is op.MAXREPEAT) or any(map(_has_endless, inside((kind, argument))))
        for kind, argument in nodes
    )


def inside(node: Any) -> list[Any]:
    """The sequences that a node of the parse tree holds."""
    kind, argument = node
    if kind in (op.SUBPATTERN, op.ASSERT, op.ASSERT_NOT, *_REPEATS):
        return [argument[-1]]
    if kind is op.BRANCH:
        return list(argument[1])
    return [part for part in argument[1:] if part] if kind is op.GROUPREF_EXISTS else []
