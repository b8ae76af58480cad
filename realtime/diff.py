"""What a publish would change: definitions, their fields, and how many users' answers."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.assignment import decide
from chalicelib.domain.definitions import Definition, Flag
from chalicelib.domain.documents import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.loading import compile_experiment, compile_flag
from realtime.definition_files import Document, Name, parse

SAMPLE = 10_000
"""Users whose answers are compared; the share is within one percentage point."""


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
        """Name, value before and after, as JSON, of each field that differs."""
        before, after = _written(self.before), _written(self.after)
        for field in dict.fromkeys([*before, *after]):
            if before.get(field) != after.get(field):
                yield field, _text(before.get(field)), _text(after.get(field))


def changes(published: Mapping[Name, Definition], wanted: Mapping[Name, Document | None]) -> list[Change]:
    """Only of what is ``wanted`` (None: to be removed), in its order; without those that stay the same."""
    found = []
    for name, after in wanted.items():
        before = readable(published[name]) if name in published else None
        if _written(before) != _written(after) or (before is None and name in published):
            found.append(Change(name, before, after))
    return found


def readable(row: Definition) -> Document | None:
    """None for a row that was edited by hand and is no definition any more."""
    try:
        return parse(row.kind, json.loads(row.text))
    except (InvalidInput, ValueError):
        return None


def moved(
    change: Change, before: Mapping[Name, Document], after: Mapping[Name, Document], now: float
) -> float:
    """The share (0–1) of sampled users who get another answer; ``before`` and ``after`` are the whole sets.

    Rules that stay as they are do not count: the share is then one of the users who are targeted. Else
    the users have no attributes. Stored assignments do not count either: a sticky experiment keeps them.
    """
    if change.before is None or change.after is None:
        return 1.0
    one, other = change.before, change.after
    if one.targeting_rules == other.targeting_rules:
        one = one.model_copy(update={"targeting_rules": None})
        other = other.model_copy(update={"targeting_rules": None})
    old, new = _answers(one, before, now), _answers(other, after, now)
    users = (f"user-{number}" for number in range(SAMPLE))
    return sum(1 for user in users if old(user) != new(user)) / SAMPLE


def _answers(document: Document, others: Mapping[Name, Document], now: float) -> Callable[[str], Any]:
    if isinstance(document, ExperimentDocument):
        experiment = compile_experiment(document)
        return lambda user: decide(experiment, user, {"user_id": user}, now, lambda: None).variant
    flag = compile_flag(document)
    compiled: dict[str, Flag | None] = {}

    def find(key: str) -> Flag | None:
        if key not in compiled:
            other = others.get(("flag", key))
            compiled[key] = compile_flag(other) if isinstance(other, FlagDocument) else None
        return compiled[key]

    def answer(user: str) -> tuple[str, Any]:
        context = {flag.bucket_by: user, "user_id": user}
        found = evaluate(flag, user, context, now, find)
        return found.variant, found.value

    return answer


def _written(document: Document | None) -> dict[str, Any]:
    return document.model_dump(mode="json") if document else {}


def _text(value: Any, width: int = 60) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else f"{text[: width - 1]}…"
