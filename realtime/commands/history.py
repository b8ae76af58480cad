"""`history`: who published what and when. Every version is kept."""

from itertools import groupby

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow, Definitions
from realtime.definition_files.diff import DefinitionChange
from realtime.definition_files.documents import parse_row

MAX_NAMES = 6  # definitions that are named in the row of a publication


def show_history(console: Console, definitions: Definitions) -> None:
    """Print all publications, newest first."""
    table = _create_table("definitions")
    rows = sorted(definitions.get_versions(), key=lambda row: (-row.version, row.kind, row.key))
    for version, group in groupby(rows, key=lambda row: row.version):
        publication = list(group)
        names = [f"{row.kind} {row.key}{'' if row.text else ' (removed)'}" for row in publication]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        first = publication[0]
        table.add_row(
            str(version), first.published_at, escape(first.published_by), ", ".join(names[:MAX_NAMES]) + more
        )
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
        table.add_row(
            str(row.version),
            row.published_at,
            escape(row.published_by),
            escape(_describe_change(row, previous)),
        )
    console.print(table)


def _create_table(last_column: str) -> Table:
    return Table(*(Column(name, overflow="fold") for name in ("version", "published", "by", last_column)))


def _describe_change(row: DefinitionRow, previous: DefinitionRow | None) -> str:
    if not row.text:
        return "removed"
    if previous is None or not previous.text:
        return "added"
    change = DefinitionChange((row.kind, row.key), parse_row(previous), parse_row(row))
    return "\n".join(f"{field}: {old} → {new}" for field, old, new in change.list_fields())
