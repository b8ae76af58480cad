"""Which patterns are known to backtrack exponentially: a repeat whose rounds can be cut up in many ways.

For lint only: no decision depends on it, since regex_cost bounds every pattern. It names the classic shapes
(``(a+)+``, ``(a|aa)*``, ``(\\w+\\s?)*``) and stays silent about the harmless ``(\\w+\\.)+``.
"""

from re import _constants as op  # type: ignore[attr-defined] # names of the nodes of the parse tree
from typing import Any

_REPEATS = (op.MAX_REPEAT, op.MIN_REPEAT)
_CHARACTERS = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)
_MANY = 10


def is_exponential(nodes: Any) -> bool:
    return any(_ambiguous(body) for body in _repeated(nodes)) or any(
        is_exponential(inner) for node in nodes for inner in _inside(node)
    )


def _repeated(nodes: Any) -> list[Any]:
    return [argument[2] for kind, argument in nodes if kind in _REPEATS and argument[1] > _MANY]


def _inside(node: Any) -> list[Any]:
    kind, argument = node
    if kind in (op.SUBPATTERN, op.ASSERT, op.ASSERT_NOT, *_REPEATS):
        return [argument[-1]]
    if kind is op.BRANCH:
        return list(argument[1])
    return [part for part in argument[1:] if part] if kind is op.GROUPREF_EXISTS else []


def _ambiguous(body: Any) -> bool:
    """A round can be just an inner repeat, several lengths of one character, or one thing in two ways."""
    shortest, longest = body.getwidth()
    if shortest < longest and len(_characters(body)) == 1:
        return True
    for index, (kind, argument) in enumerate(body):
        if kind is op.BRANCH and len({str(branch) for branch in argument[1]}) < len(argument[1]):
            return True
        if any(_least(other) for i, other in enumerate(body) if i != index):
            continue
        if kind in _REPEATS and argument[1] > _MANY:
            return True
        if kind in (op.SUBPATTERN, op.BRANCH) and any(map(_ambiguous, _inside((kind, argument)))):
            return True
    return False


def _least(node: Any) -> int:
    """Zero if the node can match nothing; else some positive number."""
    kind, argument = node
    if kind in _REPEATS:
        least: int = argument[0]
        return least and sum(map(_least, argument[2]))
    if kind is op.BRANCH:
        return min(sum(map(_least, branch)) for branch in argument[1])
    if kind is op.SUBPATTERN:
        return sum(map(_least, argument[3]))
    return int(kind in _CHARACTERS)


def _characters(nodes: Any) -> set[str]:
    """Which kinds of characters occur, however deep."""
    found = {str(node) for node in nodes if node[0] in _CHARACTERS}
    return found.union(*(_characters(inner) for node in nodes for inner in _inside(node)))
