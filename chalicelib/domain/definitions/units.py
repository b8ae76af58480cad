"""By which attributes a definition divides its users, as it is written."""

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.definitions.rules.units import list_paths
from chalicelib.domain.definitions.schema import Definition

_FIELDS = {"unit", "bucket_by", "rules", "when", "gates", "changes"}
_UNITS = frozenset({"unit", "bucket_by"})


def list_unit_attributes(document: Definition) -> set[tuple[str, ...]]:
    """Each as the steps that lead to it in a context; ``a.b`` may be an attribute or an object's field."""
    written = document.model_dump(mode="json", include=_FIELDS)
    return {path for unit in _find_units(written) for path in list_paths(unit)} - {("user_id",)}


def _find_units(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            yield from (part[name] for name in _UNITS & part.keys())
            pending += part.values()
        elif isinstance(part, list):
            pending += part
