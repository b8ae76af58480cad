"""``json_path``: dotted steps into an object, a list, or JSON text of one, without brackets or wildcards."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import LastResultCache, Test


def build_json_path(condition: Condition, equals: Callable[[Any], bool]) -> Test:
    """``equals`` decides about the value at the path. An absent path never matches, not even null."""
    if not isinstance(condition.value, str):
        raise InvalidOperand("must be text that starts with `$.`")
    steps = condition.value[2:].split(".")

    def test(value: Any, _now: float) -> bool:
        node = read_document(value)
        if node is None:
            return False
        for step in steps:
            node = _take_step(node, step)
        return equals(node)

    return test


def read_document(value: Any) -> Any:
    """The object or list, or that of JSON text. None if it is neither."""
    node = _decode_json(value) if isinstance(value, str) else value
    return node if isinstance(node, (dict, list)) else None


def _take_step(node: Any, step: str) -> Any:
    if isinstance(node, dict):
        return node[step]
    if isinstance(node, list) and step.isdigit():
        return node[int(step)]
    raise LookupError(step)


def _reject_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_reject_constant)


def _decode_or_none(text: str) -> Any:
    """None if the text is not JSON."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


_decode_json = LastResultCache(_decode_or_none)
