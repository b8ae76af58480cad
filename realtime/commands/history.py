"""`history`: who published what and when. Every version is kept."""

from itertools import groupby

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow, Definitions
from chalicelib.domain.publishing.diff import list_version_differences

MAX_NAMES = 6  # definitions that are named in the row of a publication


def show_history(console: Console, definitions: Definitions) -> None:
    """Print all publications, newest first."""
    table = _create_table("definitions")
    rows = sorted(definitions.get_versions(), key=lambda row: (-row.version, row.kind, row.key))
    for _, group in groupby(rows, key=lambda row: row.version):
        publication = list(group)
        names = [f"{row.kind} {row.key}{'' if row.text else ' (removed)'}" for row in publication]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        first = publication[0]
        _add_row(table, first, ", ".join(names[:MAX_NAMES]) + more)
    console.print(table)


def show_definition_history(
    console: Console, definitions: Definitions, kind: DefinitionKind, key: str
) -> None:
    """Print all versions of one definition and what each changed, newest first."""
    rows = list(definitions.get_history(kind, key))
    if not rows:
        raise ValueError(f"no {kind} {key!r} was ever published")
    table = _create_table("change")
    for row, previous in zip(rows, [*rows[1:], None], strict=True):
        _add_row(table, row, _describe_change(row, previous))
    console.print(table)


def _create_table(last_column: str) -> Table:
    return Table(*(Column(name, overflow="fold") for name in ("version", "published", "by", last_column)))


def _add_row(table: Table, row: DefinitionRow, text: str) -> None:
    """What a publisher wrote is no markup and no emoji code."""
    by = f"{row.published_by} ({row.published_note})" if row.published_note else row.published_by
    table.add_row(str(row.version), row.published_at, Text(by), Text(text))


def _describe_change(row: DefinitionRow, previous: DefinitionRow | None) -> str:
    if not row.text:
        return "removed"
    if previous is None or not previous.text:
        return "added"
    differences = list_version_differences(previous, row)
    return "\n".join(f"{path}: {before} → {after}" for path, before, after in differences)
