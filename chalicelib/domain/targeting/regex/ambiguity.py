"""Which patterns backtrack catastrophically in the engines that do: exponentially, or beyond the square.

For lint only: no decision depends on it, since regex_cost bounds every pattern. Two different ways from a
state of the pattern's automaton back to itself on one text double the work with each round (Weber and Seidl,
1991). Repeats in a row that take the same character multiply theirs. The search is bounded: what is too large
for it gets no warning.
"""

from collections.abc import Iterator
from itertools import product
from re import _constants as op  # type: ignore[attr-defined] # names of the nodes of the parse tree
from typing import Any

from chalicelib.domain.targeting.regex.automaton import Automaton, TooLarge, inside
from chalicelib.domain.targeting.regex.cost import anchored

_LENGTH = 1_000
"""Characters of the text for which the work is estimated."""
_STEPS = 1e8
"""Seconds, in most engines."""
_EDGES = 500_000

Pair = tuple[int, int]


def is_catastrophic(tree: Any) -> bool:
    try:
        return any(_is_catastrophic(part, tree) for part in (tree, *_assertions(tree)))
    except TooLarge:
        return False


def finds_nothing(tree: Any) -> bool:
    """Whether it finds the empty text in any other, where it looks first."""
    starts = len(tree) and tree[0][0] is op.AT and anchored(tree)
    return tree.getwidth()[0] == 0 and _is_free(tree[1:] if starts else tree)


def _is_free(nodes: Any) -> bool:
    bound = (op.AT, op.ASSERT, op.ASSERT_NOT, op.GROUPREF)
    return all(node[0] not in bound and all(map(_is_free, inside(node))) for node in nodes)


def _assertions(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        if node[0] in (op.ASSERT, op.ASSERT_NOT):
            yield node[1][1]
        for inner in inside(node):
            yield from _assertions(inner)


def _is_catastrophic(nodes: Any, tree: Any) -> bool:
    automaton = Automaton(nodes, tree)
    start = 1 if anchored(tree) else _LENGTH
    return automaton.doubles or _is_exponential(automaton) or _chain(automaton, start) > _STEPS


def _is_exponential(automaton: Automaton) -> bool:
    """Whether two different paths on one text lead from a state back to itself."""
    loops = components(automaton.follow)
    edges = {
        state: {after: ways for after, ways in following.items() if loops[after] == loops[state]}
        for state, following in automaton.follow.items()
    }
    if any(ways > 1 for following in edges.values() for ways in following.values()):
        return True
    pairs = _pairs(automaton, edges)
    found = components(pairs)
    twins = {found[a, b] for a, b in pairs if a == b}
    return any(a != b and found[a, b] in twins for a, b in pairs)


def _pairs(automaton: Automaton, edges: dict[int, dict[int, int]]) -> dict[Pair, dict[Pair, int]]:
    """Where two paths that read the same text can stand, from where they part."""
    graph: dict[Pair, dict[Pair, int]] = {}
    waiting, count = [(state, state) for state in edges], 0
    while waiting:
        pair = waiting.pop()
        if pair in graph:
            continue
        a, b = pair
        graph[pair] = {
            (c, d): 1 for c, d in product(edges[a], edges[b]) if automaton.takes[c] & automaton.takes[d]
        }
        waiting += graph[pair]
        count += len(edges[a]) * len(edges[b])
        if count > _EDGES:
            raise TooLarge
    return graph


def _chain(automaton: Automaton, start: int) -> float:
    """Steps on a text of one character: the product of the repeats that it can be divided between."""
    alphabet = frozenset[str]().union(*automaton.takes)
    kinds = {tuple(state for state, taken in enumerate(automaton.takes) if one in taken) for one in alphabet}
    return max((_steps(automaton, states, start) for states in kinds), default=1.0)


def _steps(automaton: Automaton, states: tuple[int, ...], start: int) -> float:
    """The largest product on a path through ``states``, which all take the text's only character."""
    inside = frozenset(states)
    graph = {state: inside & automaton.follow[state].keys() for state in states}
    number = components(graph)
    rounds = dict.fromkeys(number.values(), 1)
    for state in states:
        if any(number[after] == number[state] for after in graph[state]):
            rounds[number[state]] = max(rounds[number[state]], automaton.rounds.get(state, _LENGTH))
    steps: dict[int, float] = {}
    for state in sorted(states, key=number.__getitem__, reverse=True):
        own = number[state]
        behind = max((steps[number[after]] for after in graph[state] if number[after] != own), default=1.0)
        steps[own] = max(steps.get(own, 1.0), rounds[own] * behind)
    return max(steps[number[state]] * (start if state in automaton.first else 1) for state in states)


def components(graph: Any) -> dict[Any, int]:
    """Node → number of its strongly connected component; edges lead to the same number or a higher one."""
    order: list[Any] = []
    seen: set[Any] = set()
    for root in graph:
        stack = [(root, iter(graph[root]))] if root not in seen else []
        seen.add(root)
        while stack:
            node, following = stack[-1]
            after = next((one for one in following if one not in seen), None)
            if after is None:
                order.append(stack.pop()[0])
            else:
                seen.add(after)
                stack.append((after, iter(graph[after])))
    before: dict[Any, list[Any]] = {node: [] for node in graph}
    for node in graph:
        for after in graph[node]:
            before[after].append(node)
    number: dict[Any, int] = {}
    for count, root in enumerate(reversed(order)):
        waiting = [] if root in number else [root]
        while waiting:
            node = waiting.pop()
            if node not in number:
                number[node] = count
                waiting += before[node]
    return number
