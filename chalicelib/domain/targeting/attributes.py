"""Attributes of a context by name, for conditions of version 2.0 and for ``bucket_by``."""

from collections.abc import Mapping, Sequence
from typing import Any


def read_attribute(context: Mapping[str, Any], name: str, absent: Any = None) -> Any:
    """``a.b`` is the key ``a.b`` if there is one, else ``b`` of the object ``a``."""
    if name in context:
        return context[name]
    return follow_path(context, name.split("."), absent)


def follow_path(context: Mapping[str, Any], path: Sequence[str], absent: Any = None) -> Any:
    value: Any = context
    for step in path:
        value = value.get(step, absent) if isinstance(value, dict) else absent
        if value is absent:
            return absent
    return value
