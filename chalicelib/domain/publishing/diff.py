"""What a publish would change: definitions, and the parts of each that differ."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any, NamedTuple

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.publishing.documents import DefinitionName, Document, parse_row

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

_IDENTITIES = ("key", "id", "flag", "metric", "at")
"""Fields that name the items of a list: variants, targeting rules, prerequisites, guardrails, steps."""
_ABSENT = object()
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w.:+-]*|\d{4}-[\dTZ.:+-]+", re.ASCII)


class Difference(NamedTuple):
    """One part of a definition that differs; the values are JSON texts, or ``absent``."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """``before`` None: added; ``after`` None: removed. A published row that is not valid counts as absent."""

    name: DefinitionName
    before: Document | None
    after: Document | None

    @property
    def sign(self) -> str:
        return "+" if self.before is None else "-" if self.after is None else "~"

    def list_differences(self) -> Iterator[Difference]:
        return compare_values(_dump(self.before), _dump(self.after))

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
        change = DefinitionChange(name, before, after)
        if any(change.list_differences()) or (before is None and name in published):
            changes.append(change)
    return changes


def list_version_differences(before: DefinitionRow, after: DefinitionRow) -> Iterator[Difference]:
    """Between two published versions, with their defaults.

    A version that is not valid any more is compared as it was written.
    """
    old, new = parse_row(before), parse_row(after)
    if old and new:
        return compare_values(_dump(old), _dump(new))
    return compare_values(json.loads(before.text), json.loads(after.text))


def compare_values(before: Any, after: Any, path: str = "") -> Iterator[Difference]:
    """Every part that differs. Types count: 1, 1.0 and true are three values."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _compare_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _compare_lists(before, after, path)
    elif _write(before) != _write(after):
        yield Difference(path, format_value(before), format_value(after))


def _compare_objects(before: dict[str, Any], after: dict[str, Any], path: str) -> Iterator[Difference]:
    if path.rpartition(".")[2] == "allocation":  # a rule's split: its order decides who gets which variant
        yield from _compare_order([*before], [*after], path)
    for name in dict.fromkeys([*before, *after]):
        inner = f"{path}.{name}" if _PLAIN_NAME.fullmatch(name) else f"{path}[{_quote(name)}]"
        inner = inner if path else name
        yield from compare_values(before.get(name, _ABSENT), after.get(name, _ABSENT), inner)


def _compare_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Difference]:
    old, new = _index_by_identity(before, after)
    if old or new:
        yield from _compare_order([*old], [*new], path)
        for identity in dict.fromkeys([*old, *new]):
            inner = f"{path}[{_quote(identity)}]"
            yield from compare_values(old.get(identity, _ABSENT), new.get(identity, _ABSENT), inner)
        return
    texts, new_texts = [*map(_write, before)], [*map(_write, after)]
    for tag, start, end, new_start, new_end in SequenceMatcher(None, texts, new_texts).get_opcodes():
        if tag == "equal":
            continue
        pairs = zip_longest(before[start:end], after[new_start:new_end], fillvalue=_ABSENT)
        for index, (item, new_item) in enumerate(pairs):
            position = start + index if start + index < end else new_start + index
            yield from compare_values(item, new_item, f"{path}[{position}]")


def _compare_order(before: Sequence[str], after: Sequence[str], path: str) -> Iterator[Difference]:
    """The order of variants and rules decides who gets what."""
    if [key for key in before if key in after] != [key for key in after if key in before]:
        yield Difference(path, ", ".join(map(_quote, before)), ", ".join(map(_quote, after)))


def _index_by_identity(before: list[Any], after: list[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both lists by the field that names their items; empty if there is none that names each item once."""
    items = [*before, *after]
    if items and all(isinstance(item, dict) for item in items):
        for name in _IDENTITIES:
            old, new = ({str(item.get(name)): item for item in side} for side in (before, after))
            is_text = all(isinstance(item.get(name), str) for item in items)
            if is_text and len(old) == len(before) and len(new) == len(after):
                return old, new
    return {}, {}


def _dump(document: Document | None) -> dict[str, Any]:
    return document.model_dump(mode="json") if document else {}


def _quote(name: str) -> str:
    """As it is if it can be read as a name, else as JSON: ``[1]`` is the second item, ``["1"]`` a name."""
    return name if _PLAIN_NAME.fullmatch(name) else format_value(name)


def _write(value: Any) -> str:
    return "" if value is _ABSENT else json.dumps(value, sort_keys=True)


def format_value(value: Any) -> str:
    """JSON on one line. Characters that a terminal would act on are escaped."""
    if value is _ABSENT:
        return "absent"
    text = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in text)
