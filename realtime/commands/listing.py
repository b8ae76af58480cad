"""`experiments`, `segments` and `show`: what is published, what it does, and who changed it."""

import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chalicelib.admin.rendering import read_document, render_listed, render_names
from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.errors import NotFound
from chalicelib.domain.publishing.documents import DefinitionName
from chalicelib.domain.publishing.kills import describe_kill
from chalicelib.domain.publishing.summary import summarize
from chalicelib.domain.spelling import suggest
from chalicelib.services.admin.listing import Found, Listed

UNREADABLE = "cannot be read: publish it again"


def list_definitions(
    console: Console, kind: DefinitionKind, all_listed: Sequence[Listed], now: float, *, as_json: bool
) -> None:
    """Those of one kind, by key. Nothing is cut off at 60 columns: long texts are folded."""
    listed = [each for each in all_listed if each.row.kind == kind]
    if as_json:
        print(json.dumps([render_listed(each, now) for each in listed], ensure_ascii=False))
        return
    if not listed:
        console.print(f"There are no {kind}s. `publish` adds some.")
        return
    has_status = kind != "segment"
    names = [kind, *(["status"] if has_status else []), "does", "changed", "owner"]
    table = Table(*(Column(name, overflow="fold") for name in names), box=None, padding=(0, 1, 0, 0))
    for each in listed:
        row = each.row
        does = summarize(each.document, now) if each.document else UNREADABLE
        owner = each.document.owner if each.document else None
        cells = [row.key, *([row.status] if has_status else []), does, row.published_at[:10], owner or ""]
        table.add_row(*map(Text, cells))
    console.print(table)


def find_names(key: str, all_listed: Sequence[Listed]) -> Sequence[DefinitionName]:
    """All that have this key: a flag and an experiment may have the same. Raises NotFound."""
    names = [(each.row.kind, each.row.key) for each in all_listed if each.row.key == key]
    if not names:
        hint = suggest(key, [each.row.key for each in all_listed]) or "."
        raise NotFound("definition_not_found", f"Nothing is published with the key {key!r}{hint}")
    return names


def show_definitions(console: Console, found: Sequence[Found], now: float, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_describe(each, now) for each in found], ensure_ascii=False))
        return
    for number, each in enumerate(found):
        if number:
            console.print()
        _show(console, each, now)


def _describe(found: Found, now: float) -> dict[str, object]:
    return {
        **render_listed(found.listed, now),
        **read_document(found.listed),
        "words": [line._asdict() for line in found.describe(now)],
        "uses": render_names(found.uses),
        "used_by": render_names(found.used_by),
    }


def _show(console: Console, found: Found, now: float) -> None:
    row, document = found.listed.row, found.listed.document
    by = f" by {row.published_by}" if row.published_by else ""
    _print(console, f"{row.kind} {row.key}, {row.status}, version {row.version}", style="bold")
    _print(console, f"changed {row.published_at}{by}, created {found.listed.created_at}", style="dim")
    if document is None:
        _print(console, UNREADABLE, style="red")
        for problem in found.listed.problems:
            _print(console, f"  {problem}")
        return
    if found.listed.kill:
        _print(console, describe_kill(found.listed.kill), style="red")
    for label, value in (("", document.name), ("", document.description), ("owner: ", document.owner)):
        if value:
            _print(console, f"{label}{value}")
    console.print()
    for line in found.describe(now):
        _print(console, "  " * line.level + line.text)
    for label, names in (("uses", found.uses), ("used by", found.used_by)):
        if names:
            _print(console, f"{label} {', '.join(' '.join(name) for name in names)}", style="dim")


def _print(console: Console, text: str, style: str = "") -> None:
    """What somebody wrote is no markup and no emoji code."""
    console.print(Text(text, style=style), soft_wrap=True)
