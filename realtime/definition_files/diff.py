"""What a publish would change: definitions, their fields, and how many users' answers."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions.compiler import compile_experiment, compile_flag
from chalicelib.domain.definitions.model import DefinitionRow, Flag
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.evaluation import evaluate
from realtime.definition_files.read import Document, Name, parse

SAMPLE = 10_000
"""Users whose answers are compared; the share is within one percentage point."""
ASKED_FIRST = ("id", "status", "iteration", "start_at", "end_at", "overrides", "holdout", "layer")
"""Fields that decide before the stored assignment does, or say which it is (docs/assignment.md)."""


@dataclass(frozen=True, slots=True)
class Change:
    """None before: added; None after: removed. An unreadable ``before`` counts as absent."""

    name: Name
    before: Document | None
    after: Document | None

    @property
    def sign(self) -> str:
        return "+" if self.before is None else "-" if self.after is None else "~"

    def fields(self) -> Iterator[tuple[str, str, str]]:
        """Path, value before and after, as JSON, of each field that differs; variants by their keys."""
        before, after = _written(self.before), _written(self.after)
        for field in dict.fromkeys([*before, *after]):
            if before.get(field) != after.get(field):
                yield from _differences(field, before.get(field), after.get(field))

    @property
    def keeps_assigned(self) -> bool:
        """Whether nothing changes for users who are in: only what is asked after their stored assignment."""
        one, other = self.before, self.after
        if not isinstance(one, ExperimentDocument) or not isinstance(other, ExperimentDocument):
            return False
        binding = all(getattr(one, field) == getattr(other, field) for field in ASKED_FIRST)
        variants = {variant.key for variant in one.variants} <= {variant.key for variant in other.variants}
        return one.sticky and other.sticky and binding and variants


def changes(published: Mapping[Name, DefinitionRow], wanted: Mapping[Name, Document | None]) -> list[Change]:
    """Only of what is ``wanted`` (None: to be removed), in its order; without those that stay the same."""
    found = []
    for name, after in wanted.items():
        before = readable(published[name]) if name in published else None
        if _written(before) != _written(after) or (before is None and name in published):
            found.append(Change(name, before, after))
    return found


def readable(row: DefinitionRow) -> Document | None:
    """None for a row that was edited by hand and is no definition any more."""
    try:
        return parse(row.kind, json.loads(row.text))
    except (InvalidInput, ValueError):
        return None


def comparable(
    before: Mapping[Name, Document], after: Mapping[Name, Document]
) -> tuple[Mapping[Name, Document], Mapping[Name, Document]]:
    """Both sets without the targeting rules that stay as they are: those do not count for `moved`."""
    same = [
        name
        for name in before.keys() & after.keys()
        if before[name].targeting_rules == after[name].targeting_rules
    ]

    def stripped(documents: Mapping[Name, Document]) -> dict[Name, Document]:
        bare = {name: documents[name].model_copy(update={"targeting_rules": None}) for name in same}
        return {**documents, **bare}

    return stripped(before), stripped(after)


def dependents(
    found: Sequence[Change], after: Mapping[Name, Document]
) -> Iterator[tuple[Name, Sequence[str]]]:
    """Flags that stay as they are and require one that changes, directly or not; with the keys of these."""
    changed = {change.name[1] for change in found if change.name[0] == "flag"}
    flags = {key: document for (_, key), document in after.items() if isinstance(document, FlagDocument)}
    required = {key: [item.flag for item in flag.prerequisites] for key, flag in flags.items()}
    causes = {key: {key} for key in changed}
    for key in TopologicalSorter(required).static_order():
        if key in flags and key not in changed:
            causes[key] = {cause for other in required[key] for cause in causes.get(other, ())}
            if causes[key]:
                yield ("flag", key), sorted(causes[key])


def moved(name: Name, before: Mapping[Name, Document], after: Mapping[Name, Document], now: float) -> float:
    """The share (0–1) of sampled users who get another answer; the sets are whole, and `comparable`.

    The share is one of the users who are targeted if the rules stay as they are. Else the users have no
    attributes but those that flags divide by. Stored assignments do not count either: a sticky experiment
    keeps them.
    """
    if name not in before or name not in after:
        return 1.0
    documents = (*before.values(), *after.values())
    units = {document.bucket_by for document in documents if isinstance(document, FlagDocument)}
    old, new = _answers(before, name, now), _answers(after, name, now)
    users = (f"user-{number}" for number in range(SAMPLE))
    contexts = ((user, dict.fromkeys((*units, "user_id"), user)) for user in users)
    return sum(1 for user, context in contexts if old(user, context) != new(user, context)) / SAMPLE


def _answers(
    documents: Mapping[Name, Document], name: Name, now: float
) -> Callable[[str, Mapping[str, Any]], Any]:
    document = documents[name]
    if isinstance(document, ExperimentDocument):
        experiment = compile_experiment(document)
        return lambda user, context: decide(experiment, user, context, now, lambda: None).variant
    flag = compile_flag(document)

    @cache
    def find(key: str) -> Flag | None:
        other = documents.get(("flag", key))
        return compile_flag(other) if isinstance(other, FlagDocument) else None

    def answer(user: str, context: Mapping[str, Any]) -> tuple[str, Any]:
        found = evaluate(flag, user, context, now, find)
        return found.variant, found.value

    return answer


def _written(document: Document | None) -> dict[str, Any]:
    return document.model_dump(mode="json") if document else {}


def _differences(path: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    old, new = _by_key(before), _by_key(after)
    if not old or not new:
        yield path, _text(before), _text(after)
        return
    if [key for key in old if key in new] != [key for key in new if key in old]:  # it moves users
        yield path, ", ".join(old), ", ".join(new)
    for key in dict.fromkeys([*old, *new]):
        one, other = old.get(key), new.get(key)
        if one is None or other is None:
            yield f"{path}[{key}]", _text(one), _text(other)
            continue
        for name in dict.fromkeys([*one, *other]):
            if one.get(name) != other.get(name):
                yield f"{path}[{key}].{name}", _text(one.get(name)), _text(other.get(name))


def _by_key(value: Any) -> dict[str, dict[str, Any]]:
    """A list of objects with keys, such as variants; empty for anything else."""
    if not isinstance(value, list) or not all(isinstance(item, dict) and "key" in item for item in value):
        return {}
    return {item["key"]: item for item in value}


def _text(value: Any, width: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else f"{text[: width - 1]}…"
