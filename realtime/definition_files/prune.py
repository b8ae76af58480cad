"""What ``--prune`` must not remove: definitions in files that were skipped."""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.documents import DefinitionName
from realtime.definition_files.contents import BLANK, DEFINITION_LISTS, UNREADABLE, read_file
from realtime.definition_files.files import Skipped, list_skipped_files
from realtime.safe_reading.regular_files import RefusedFile, open_regular

_CHUNK = 1 << 20
_LONGEST = 128
"""Bytes of a key, so that one that is cut by the end of a chunk is found."""


def find_obstacles(skipped: Sequence[Skipped]) -> Iterator[Problem]:
    """Files of which nobody can tell what they held."""
    for item in skipped:
        if item.reason == BLANK:
            yield Problem(str(item), "is blank; for --prune, write flags: [] or delete it")
        elif item.reason == UNREADABLE:
            yield Problem(str(item), "cannot be read; for --prune, correct or move it")


def find_skipped_definitions(
    skipped: Sequence[Skipped], names: Collection[DefinitionName]
) -> dict[DefinitionName, Path]:
    """Those of ``names`` that a hidden, ignored or linked file defines, and which file.

    Such a folder may have thousands of files, so only those that mention a key are parsed.
    """
    paths: dict[DefinitionName, Path] = {}
    for file in list_skipped_files(skipped) if names else ():
        mentioned = _find_mentioned(file, names)
        if not mentioned:
            continue
        content = read_file(file)
        keys = {
            (source.kind, source.data.get("key"))
            for source in content.definitions
            if isinstance(source.data, dict)
        }
        is_certain = not content.problems
        for name in mentioned:
            if name in keys or not is_certain:
                paths.setdefault(name, file)
    return paths


def _find_mentioned(file: Path, names: Collection[DefinitionName]) -> list[DefinitionName]:
    """All of them if the file cannot be opened. It may be huge, so it is never in memory as a whole."""
    wanted = {text.encode() for text in (*DEFINITION_LISTS, *(key for _, key in names))}
    found: set[bytes] = set()
    tail = b""
    try:
        with open_regular(file) as content:
            while chunk := content.read(_CHUNK):
                tail += chunk.replace(b"\0", b"")
                found |= {text for text in wanted - found if text in tail}
                tail = tail[-_LONGEST:]
    except (OSError, RefusedFile):
        return list(names)
    if not any(name.encode() in found for name in DEFINITION_LISTS):
        return []
    return [name for name in names if name[1].encode() in found]
