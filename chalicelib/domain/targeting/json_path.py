"""``json_path``: dotted steps into an object, a list, or JSON text of one; no brackets or wildcards."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.domain.targeting.document import Condition, Unusable
from chalicelib.domain.targeting.values import Latest, Test


def json_path(condition: Condition, equals: Callable[[Any], bool]) -> Test:
    """Whether the value at the path ``equals`` the wanted one; an absent path never does, not even null."""
    if not isinstance(condition.value, str):
        raise Unusable("must be text that starts with `$.`")
    steps = condition.value[2:].split(".")

    def test(value: Any, _now: float) -> bool:
        node = _decoded(value) if isinstance(value, str) else value
        if not isinstance(node, (dict, list)):
            return False
        for step in steps:
            node = _descend(node, step)
        return equals(node)

    return test


def _descend(node: Any, step: str) -> Any:
    if isinstance(node, dict):
        return node[step]
    if isinstance(node, list) and step.isdigit():
        return node[int(step)]
    raise LookupError(step)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _decode(text: str) -> Any:
    """None for what is no JSON."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


_decoded = Latest(_decode)
