"""`history`: who published what and when."""

import json
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chalicelib.admin.rendering import render_version
from chalicelib.domain.definitions.model import DefinitionKind, Definitions
from chalicelib.services.admin.history import PastPublication, Version, list_publications, list_versions

MAX_NAMES = 6  # definitions that are named in the row of a publication


def show_history(console: Console, definitions: Definitions, *, as_json: bool = False) -> None:
    """Print all publications, newest first."""
    if as_json:
        print(json.dumps([_describe(each) for each in list_publications(definitions)], ensure_ascii=False))
        return
    table = _create_table("definitions")
    for publication in list_publications(definitions):
        names = [f"{row.kind} {row.key}{'' if row.text else ' (removed)'}" for row in publication.rows]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        by = _name_author(publication.published_by, publication.note)
        text = ", ".join(names[:MAX_NAMES]) + more
        _add_row(table, publication.version, publication.published_at, by, text)
    console.print(table)


def show_definition_history(
    console: Console, definitions: Definitions, kind: DefinitionKind, key: str, *, as_json: bool = False
) -> None:
    """Print all versions of one definition and what each changed, newest first. Raises NotFound."""
    if as_json:
        versions = list_versions(definitions, kind, key)
        print(json.dumps([render_version(version) for version in versions], ensure_ascii=False))
        return
    table = _create_table("change")
    for version in list_versions(definitions, kind, key):
        row = version.row
        by = _name_author(row.published_by, row.published_note)
        _add_row(table, row.version, row.published_at, by, _describe_change(version))
    console.print(table)


def _describe(publication: PastPublication) -> dict[str, Any]:
    rows = publication.rows
    return {
        "version": publication.version,
        "published_at": publication.published_at,
        "published_by": publication.published_by,
        "note": publication.note,
        "definitions": [{"kind": row.kind, "key": row.key, "removed": not row.text} for row in rows],
    }


def _create_table(last_column: str) -> Table:
    return Table(*(Column(name, overflow="fold") for name in ("version", "published", "by", last_column)))


def _add_row(table: Table, version: int, published_at: str, by: str, text: str) -> None:
    """What a publisher wrote is no markup and no emoji code."""
    table.add_row(str(version), published_at, Text(by), Text(text))


def _name_author(by: str, note: str) -> str:
    return f"{by} ({note})" if note else by


def _describe_change(version: Version) -> str:
    if version.change != "changed":
        return version.change
    return "\n".join(f"{path}: {before} → {after}" for path, before, after in version.differences)
