"""`import`: another system's definitions as a file of ours, in which every user keeps the variant."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from realtime.migration.finishing import import_documents
from realtime.migration.model import ForeignDocument, Imported, Json, Note
from realtime.migration.vendors import VENDORS
from realtime.migration.writing import write_json, write_yaml
from realtime.safe_reading.regular_files import read_regular
from realtime.safe_reading.shown_text import escape_controls
from realtime.safe_reading.strict_json import parse_json

MAX_BYTES = 64_000_000
"""Of a document. The largest that vendors serve have some megabytes."""


def import_definitions(
    console: Console, vendor: str, paths: Sequence[Path], out: Path, options: Mapping[str, str]
) -> int:
    """Returns the exit status: 0 if all was imported, 1 if something was refused.

    Raises ValueError for a document that cannot be read (exit 2).
    """
    documents = [read_document(path) for path in paths]
    try:
        imported = import_documents(vendor, documents, options)
    except ForeignDocument as error:
        raise ForeignDocument(f"{', '.join(map(str, paths))}: {error}") from None
    text = write_json(imported) if out.suffix == ".json" else write_yaml(imported, _head(vendor, paths))
    out.write_text(text, encoding="utf-8")
    for label, colour, notes in (
        ("refused", "red", imported.refusals),
        ("note", "yellow", imported.warnings),
    ):
        for note in notes:
            console.print(f"[{colour}]{label}[/{colour}] {_describe(note)}", highlight=False, soft_wrap=True)
    console.print(_summarize(imported, out), highlight=False, markup=False, soft_wrap=True)
    return int(bool(imported.refusals))


def read_document(path: Path) -> Json:
    try:
        return parse_json(read_regular(path, MAX_BYTES, "export less at a time").decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _head(vendor: str, paths: Sequence[Path]) -> str:
    files, entry = ", ".join(path.name for path in paths), VENDORS[vendor]
    head = f"Imported from {entry.title}: {files}. "
    if not entry.has_known_hash:
        return f"{head}Its hash is not known: where users are divided, they are divided anew."
    return (
        f"{head}Every user keeps the variant that its SDK gives: leave prefix, suffix, seed and the ranges "
        "as they are."
    )


def _describe(note: Note) -> str:
    where = f" ({note.path})" if note.path else ""
    return escape(escape_controls(f"{note.key}{where}: {note.message}"))


def _summarize(imported: Imported, out: Path) -> str:
    flags, segments, experiments = map(len, (imported.flags, imported.segments, imported.experiments))
    tests = f"{count_nouns(experiments, 'experiment')}, " if experiments else ""
    return (
        f"{out}: {tests}{count_nouns(flags, 'flag')} and {count_nouns(segments, 'segment')} imported, "
        f"{len(imported.refusals)} refused."
    )


def count_nouns(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)
