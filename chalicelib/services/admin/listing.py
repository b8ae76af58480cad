"""All definitions with what a team asks of each: what it does, who owns it, who changed it, why it is off."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.definitions.uses import list_uses
from chalicelib.domain.errors import InvalidInput, NotFound, Problem
from chalicelib.domain.explanation.condition_words import Line
from chalicelib.domain.explanation.documents import describe_definition
from chalicelib.domain.publishing.documents import KINDS, DefinitionName, Document, parse_document
from chalicelib.domain.publishing.kills import find_kill
from chalicelib.domain.spelling import suggest
from chalicelib.services.admin.past_versions import PastVersions


@dataclass(frozen=True, slots=True)
class Listed:
    """``document`` is None if the row is not a valid definition; ``problems`` says why.

    ``created_at`` is when its first version was published, as ISO 8601; empty if nobody knows.
    """

    row: DefinitionRow
    document: Document | None
    problems: Sequence[Problem]
    created_at: str
    kill: DefinitionRow | None


@dataclass(frozen=True, slots=True)
class Found:
    """One definition, what it asks for, and what asks for it. ``version`` is the newest publication."""

    version: int
    listed: Listed
    uses: Sequence[DefinitionName]
    used_by: Sequence[DefinitionName]

    def describe(self, now: float) -> Sequence[Line]:
        """In words; nothing for a row that cannot be read."""
        return describe_definition(self.listed.document, now) if self.listed.document else ()


def list_all(definitions: Definitions, past: PastVersions) -> tuple[int, Sequence[Listed]]:
    """The version, and all definitions by kind and key. Raises StorageUnavailable or Throttled."""
    version = definitions.get_changes(None).version  # first, so that a later publish is a conflict
    histories = past.read()
    rows = [row for kind in KINDS for _, row in sorted(definitions.get_all(kind).items())]
    return version, [describe(row, histories.get((row.kind, row.key), ())) for row in rows]


def find(definitions: Definitions, past: PastVersions, name: DefinitionName) -> Found:
    """Raises NotFound, StorageUnavailable or Throttled."""
    version, listed = list_all(definitions, past)
    by_name = {(each.row.kind, each.row.key): each for each in listed}
    if name not in by_name:
        kind, key = name
        keys = [each.row.key for each in listed if each.row.kind == kind]
        raise NotFound(f"{kind}_not_found", f"There is no {kind} {key!r}{suggest(key, keys) or '.'}")
    uses = {other: _list_uses(each.document) for other, each in by_name.items()}
    used_by = [other for other, used in uses.items() if name in used]
    return Found(version, by_name[name], uses[name], used_by)


def _list_uses(document: Document | None) -> Sequence[DefinitionName]:
    return [use.name for use in list_uses(document)] if document else ()


def describe(row: DefinitionRow, history: Sequence[DefinitionRow]) -> Listed:
    """``history`` is newest first."""
    document, problems = _parse(row)
    latest = next((each for each in history if each.version == row.version), None)
    if latest is not None:
        row = replace(row, published_by=latest.published_by, published_note=latest.published_note)
    created_at = history[-1].published_at if history else row.published_at
    kill = find_kill(history) if row.kind == "flag" and row.status == "inactive" else None
    return Listed(row, document, problems, created_at, kill)


def _parse(row: DefinitionRow) -> tuple[Document | None, Sequence[Problem]]:
    try:
        return parse_document(row.kind, json.loads(row.text)), ()
    except InvalidInput as error:
        return None, error.details
    except (ValueError, RecursionError):
        return None, (Problem("", "is not valid JSON"),)
