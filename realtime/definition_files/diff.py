"""What a publish would change: definitions and their fields."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.schema import ExperimentDocument
from realtime.definition_files.documents import DefinitionName, Document, parse_row

CHECKED_BEFORE_ASSIGNMENT = (
    "id",
    "status",
    "iteration",
    "start_at",
    "end_at",
    "overrides",
    "holdout",
    "layer",
)
"""Fields that decide before the stored assignment does, or say which row it is (docs/assignment.md)."""


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """``before`` None: added; ``after`` None: removed. A published row that is not valid counts as absent."""

    name: DefinitionName
    before: Document | None
    after: Document | None

    @property
    def sign(self) -> str:
        return "+" if self.before is None else "-" if self.after is None else "~"

    def list_fields(self) -> Iterator[tuple[str, str, str]]:
        """Path, old and new value as JSON, of each field that differs; variants are compared by key."""
        before, after = _dump(self.before), _dump(self.after)
        for field in dict.fromkeys([*before, *after]):
            if before.get(field) != after.get(field):
                yield from _compare_values(field, before.get(field), after.get(field))

    @property
    def keeps_assignments(self) -> bool:
        """Whether users who are assigned keep their variant: only what is checked after it has changed."""
        before, after = self.before, self.after
        if not isinstance(before, ExperimentDocument) or not isinstance(after, ExperimentDocument):
            return False
        same = all(getattr(before, field) == getattr(after, field) for field in CHECKED_BEFORE_ASSIGNMENT)
        keeps_variants = {variant.key for variant in before.variants} <= {
            variant.key for variant in after.variants
        }
        return before.sticky and after.sticky and same and keeps_variants


def find_changes(
    published: Mapping[DefinitionName, DefinitionRow], wanted: Mapping[DefinitionName, Document | None]
) -> list[DefinitionChange]:
    """What leads from ``published`` to ``wanted`` (None: to be removed), in the order of ``wanted``.

    Published definitions that are not in ``wanted`` stay.
    """
    changes = []
    for name, after in wanted.items():
        before = parse_row(published[name]) if name in published else None
        if _dump(before) != _dump(after) or (before is None and name in published):
            changes.append(DefinitionChange(name, before, after))
    return changes


def _dump(document: Document | None) -> dict[str, Any]:
    return document.model_dump(mode="json") if document else {}


def _compare_values(path: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    old, new = _index_by_key(before), _index_by_key(after)
    if not old or not new:
        yield path, _format(before), _format(after)
        return
    if [key for key in old if key in new] != [key for key in new if key in old]:  # the order moves users
        yield path, ", ".join(old), ", ".join(new)
    for key in dict.fromkeys([*old, *new]):
        old_item, new_item = old.get(key), new.get(key)
        if old_item is None or new_item is None:
            yield f"{path}[{key}]", _format(old_item), _format(new_item)
            continue
        for name in dict.fromkeys([*old_item, *new_item]):
            if old_item.get(name) != new_item.get(name):
                yield f"{path}[{key}].{name}", _format(old_item.get(name)), _format(new_item.get(name))


def _index_by_key(value: Any) -> dict[str, dict[str, Any]]:
    """A list of objects with keys, such as variants; empty for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) and "key" in item for item in value):
        return {}
    return {item["key"]: item for item in value}


def _format(value: Any, width: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else f"{text[: width - 1]}…"
