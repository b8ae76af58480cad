"""Finds patterns that backtrack catastrophically: in exponential time, or worse than quadratic.

Only lint uses it: cost.py bounds every search here, but other engines may have no bound. If two different
paths on one text lead from a state of the automaton back to itself, each round doubles the work (Weber and
Seidl, 1991). Repeats in a row that accept the same character multiply their work. A pattern that is too large
for this analysis gets no warning.
"""

from collections.abc import Iterator
from itertools import product
from re import _constants as op  # type: ignore[attr-defined,unused-ignore] # names of the nodes of the parse tree
from typing import Any

from chalicelib.domain.targeting.regex.automaton import Automaton, TooLarge, list_children
from chalicelib.domain.targeting.regex.cost import is_anchored

_LENGTH = 1_000
"""Characters of the text for which the work is estimated."""
_CATASTROPHIC_STEPS = 1e8
"""Most engines need seconds for as many."""
_MAX_EDGES = 500_000

Pair = tuple[int, int]
"""The states of two paths."""


def is_catastrophic(tree: Any) -> bool:
    try:
        return any(_is_part_catastrophic(part, tree) for part in (tree, *_list_assertions(tree)))
    except TooLarge:
        return False


def is_found_in_every_text(tree: Any) -> bool:
    """Whether the pattern matches the empty text at the first position of every text."""
    has_anchor = len(tree) and tree[0][0] is op.AT and is_anchored(tree)
    return tree.getwidth()[0] == 0 and _is_unconditional(tree[1:] if has_anchor else tree)


def _is_unconditional(nodes: Any) -> bool:
    conditional = (op.AT, op.ASSERT, op.ASSERT_NOT, op.GROUPREF)
    return all(
        node[0] not in conditional and all(map(_is_unconditional, list_children(node))) for node in nodes
    )


def _list_assertions(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        if node[0] in (op.ASSERT, op.ASSERT_NOT):
            yield node[1][1]
        for inner in list_children(node):
            yield from _list_assertions(inner)


def _is_part_catastrophic(nodes: Any, tree: Any) -> bool:
    automaton = Automaton(nodes, tree)
    attempts = 1 if is_anchored(tree) else _LENGTH
    return (
        automaton.has_empty_rounds
        or _is_exponential(automaton)
        or _count_steps(automaton, attempts) > _CATASTROPHIC_STEPS
    )


def _is_exponential(automaton: Automaton) -> bool:
    """Whether two different paths on one text lead from a state back to itself."""
    component = number_components(automaton.follow)
    edges = {
        state: {after: ways for after, ways in following.items() if component[after] == component[state]}
        for state, following in automaton.follow.items()
    }
    if any(ways > 1 for following in edges.values() for ways in following.values()):
        return True
    pairs = _build_pair_graph(automaton, edges)
    pair_component = number_components(pairs)
    meeting = {pair_component[a, b] for a, b in pairs if a == b}
    return any(a != b and pair_component[a, b] in meeting for a, b in pairs)


def _build_pair_graph(automaton: Automaton, edges: dict[int, dict[int, int]]) -> dict[Pair, dict[Pair, int]]:
    """The pairs of states in which two paths that start together and read the same text can be."""
    graph: dict[Pair, dict[Pair, int]] = {}
    waiting, count = [(state, state) for state in edges], 0
    while waiting:
        pair = waiting.pop()
        if pair in graph:
            continue
        a, b = pair
        graph[pair] = {
            (c, d): 1 for c, d in product(edges[a], edges[b]) if automaton.accepts[c] & automaton.accepts[d]
        }
        waiting += graph[pair]
        count += len(edges[a]) * len(edges[b])
        if count > _MAX_EDGES:
            raise TooLarge
    return graph


def _count_steps(automaton: Automaton, attempts: int) -> float:
    """On a text that repeats one character: the product of the repeats among which it can be divided."""
    alphabet = frozenset[str]().union(*automaton.accepts)
    state_sets = {
        tuple(state for state, accepted in enumerate(automaton.accepts) if character in accepted)
        for character in alphabet
    }
    return max((_count_path_steps(automaton, states, attempts) for states in state_sets), default=1.0)


def _count_path_steps(automaton: Automaton, states: tuple[int, ...], attempts: int) -> float:
    """The largest product on a path through ``states``, which all accept the text's only character."""
    accepting = frozenset(states)
    graph = {state: accepting & automaton.follow[state].keys() for state in states}
    component = number_components(graph)
    rounds = dict.fromkeys(component.values(), 1)
    for state in states:
        if any(component[after] == component[state] for after in graph[state]):
            rounds[component[state]] = max(rounds[component[state]], automaton.rounds.get(state, _LENGTH))
    steps: dict[int, float] = {}
    for state in sorted(states, key=component.__getitem__, reverse=True):
        own = component[state]
        others = (steps[component[after]] for after in graph[state] if component[after] != own)
        steps[own] = max(steps.get(own, 1.0), rounds[own] * max(others, default=1.0))
    return max(steps[component[state]] * (attempts if state in automaton.first else 1) for state in states)


def number_components(graph: Any) -> dict[Any, int]:
    """Node → number of its strongly connected component. Edges lead to the same number or a higher one."""
    order: list[Any] = []
    visited: set[Any] = set()
    for root in graph:
        stack = [(root, iter(graph[root]))] if root not in visited else []
        visited.add(root)
        while stack:
            node, following = stack[-1]
            after = next((successor for successor in following if successor not in visited), None)
            if after is None:
                order.append(stack.pop()[0])
            else:
                visited.add(after)
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
