"""Who published what and when. Every version is kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow, Definitions
from chalicelib.domain.errors import NotFound
from chalicelib.domain.publishing.diff import Difference, list_version_differences

REMOVED = "removed"
"""The status of a version that removes its definition."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one definition; ``change`` is ``added``, ``changed`` or ``removed``."""

    row: DefinitionRow
    change: str
    differences: Sequence[Difference] = ()


@dataclass(frozen=True, slots=True)
class PastPublication:
    """``rows`` are what it wrote; a row without text was removed."""

    version: int
    published_at: str
    published_by: str
    note: str
    rows: Sequence[DefinitionRow]


def list_publications(definitions: Definitions) -> Iterator[PastPublication]:
    """Newest first. Raises StorageUnavailable or Throttled."""
    return group_by_publication(definitions.get_versions())


def group_by_publication(versions: Iterable[DefinitionRow]) -> Iterator[PastPublication]:
    """Newest first."""
    rows = sorted(versions, key=lambda row: (-row.version, row.kind, row.key))
    for version, group in groupby(rows, key=lambda row: row.version):
        written = list(group)
        first = written[0]
        yield PastPublication(version, first.published_at, first.published_by, first.published_note, written)


def list_versions(definitions: Definitions, kind: DefinitionKind, key: str) -> Sequence[Version]:
    """The versions of one definition, newest first, each with what it changed. Raises NotFound."""
    rows = list(definitions.get_history(kind, key))
    if not rows:
        raise NotFound(f"{kind}_not_found", f"No {kind} {key!r} was ever published.")
    return [compare(row, previous) for row, previous in zip(rows, [*rows[1:], None], strict=True)]


def compare(row: DefinitionRow, previous: DefinitionRow | None) -> Version:
    """``previous`` is None for the first version."""
    change = name_change(row, previous)
    differences = list_version_differences(previous, row) if previous and change == "changed" else ()
    return Version(row, change, list(differences))


def name_change(row: DefinitionRow, previous: DefinitionRow | None) -> str:
    """``added``, ``changed`` or ``removed``; without their texts, too."""
    if row.status == REMOVED:
        return "removed"
    return "added" if previous is None or previous.status == REMOVED else "changed"
