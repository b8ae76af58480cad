"""`history`: who published what and when; every version is kept."""

from collections.abc import Sequence
from itertools import groupby
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from realtime.definition_files.diff import Change, readable

SHOWN = 6  # definitions of a publication that are named


class Definitions(Protocol):
    def published(self) -> Sequence[DefinitionRow]: ...
    def history(self, kind: DefinitionKind, key: str) -> Sequence[DefinitionRow]: ...


def show(console: Console, definitions: Definitions) -> None:
    """All publications, the newest first."""
    table = _table("definitions")
    rows = sorted(definitions.published(), key=lambda row: (-row.version, row.kind, row.key))
    for version, group in groupby(rows, key=lambda row: row.version):
        published = list(group)
        names = [f"{row.kind} {row.key}{'' if row.text else ' (removed)'}" for row in published]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        table.add_row(str(version), published[0].at, escape(published[0].by), ", ".join(names[:SHOWN]) + more)
    console.print(table)


def show_definition(console: Console, definitions: Definitions, kind: DefinitionKind, key: str) -> None:
    """All versions of one definition, the newest first, each with what it changed."""
    rows = list(definitions.history(kind, key))
    if not rows:
        raise ValueError(f"no {kind} {key!r} was ever published")
    table = _table("change")
    for row, previous in zip(rows, [*rows[1:], None], strict=True):
        table.add_row(str(row.version), row.at, escape(row.by), escape(_change(row, previous)))
    console.print(table)


def _table(of: str) -> Table:
    return Table(*(Column(name, overflow="fold") for name in ("version", "published", "by", of)))


def _change(row: DefinitionRow, previous: DefinitionRow | None) -> str:
    if not row.text:
        return "removed"
    if previous is None or not previous.text:
        return "added"
    change = Change((row.kind, row.key), readable(previous), readable(row))
    return "\n".join(f"{field}: {old} → {new}" for field, old, new in change.fields())
