"""What one file holds: definitions, mistakes, and documents that have nothing to do with definitions."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.errors import Problem
from chalicelib.domain.spelling import find_similar, suggest
from realtime.definition_files.documents import KINDS
from realtime.definition_files.files import Skipped
from realtime.definition_files.syntax import MAX_BYTES, parse_written
from realtime.safe_reading.regular_files import RefusedFile, read_regular
from realtime.safe_reading.strict_json import DEPTH_RULE

LISTS = tuple(f"{kind}s" for kind in KINDS)
OTHER, BLANK, UNREADABLE = "without definitions", "blank", "unreadable, without definitions by all signs"
_CONTENT = "experiments: [...], flags: [...] and/or segments: [...]"
_MENTION = re.compile(rb"(%s)[\"']?\s*:" % "|".join(LISTS).encode())


@dataclass(frozen=True, slots=True)
class Source:
    """A definition in a file. ``written`` is ``data`` with each number as the text of the file."""

    kind: DefinitionKind
    location: str
    data: Any
    written: Any


@dataclass(slots=True)
class FileContent:
    """``is_empty``: no document has a list of definitions, so ``skipped`` says why, and ``problems`` too.

    In a folder that is no mistake.
    """

    path: Path
    definitions: list[Source] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    is_empty: bool = False


def read_file(path: Path) -> FileContent:
    content = FileContent(path)
    try:
        data = read_regular(path, MAX_BYTES, "split it")
    except RefusedFile as error:
        content.problems.append(Problem(str(path), error.reason))
        return content
    except OSError as error:
        content.problems.append(Problem(str(path), " ".join(str(error).split())))
        return content
    try:
        documents, written = parse_written(data, path.suffix)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        content.problems.append(Problem(str(path), _describe(error)))
        if not _MENTION.search(data.replace(b"\0", b"")):  # UTF-16 without a mark has zeros between letters
            content.skipped.append(Skipped(path, UNREADABLE))
            content.is_empty = True
        return content
    _add_documents(content, documents, written)
    return content


def _add_documents(content: FileContent, documents: list[Any], written: list[Any]) -> None:
    numbered = [(number, each) for number, each in enumerate(documents, 1) if each not in (None, {})]
    holders = [(number, each) for number, each in numbered if _holds_definitions(each)]
    content.is_empty = not holders
    if not numbered:
        content.skipped.append(Skipped(content.path, BLANK))
        message = "holds no definitions; write flags: [] if none are meant"
        content.problems.append(Problem(str(content.path), message))
    elif not holders:
        content.skipped.append(Skipped(content.path, OTHER))
        content.problems.append(Problem(str(content.path), f"must hold {_CONTENT}"))
    for number, document in numbered:
        if not holders:
            break
        source = Skipped(content.path, OTHER, number if len(documents) > 1 else None)
        if (number, document) in holders:
            _add_definitions(content, document, written[number - 1], str(source))
        else:
            content.skipped.append(source)


def _holds_definitions(document: Any) -> bool:
    """A misspelt ``flag:`` counts: it would be a loss to pass over it."""
    return isinstance(document, dict) and any(find_similar(name, LISTS, 0.8) for name in document)


def _add_definitions(
    content: FileContent, document: dict[Any, Any], written: dict[Any, Any], location: str
) -> None:
    for name in sorted(map(str, document.keys() - {*LISTS, "$schema"})):
        if not name.startswith("x-"):  # a place for anchors
            message = (
                f"unknown field{suggest(name, LISTS) or ';'} a file holds {_CONTENT}, and x-… for anchors"
            )
            content.problems.append(Problem(f"{location}: {name}", message))
    for kind in KINDS:
        items = document.get(f"{kind}s", [])
        if not isinstance(items, list):
            content.problems.append(Problem(f"{location}: {kind}s", "must be a list"))
            continue
        content.definitions += [
            Source(kind, f"{location}: {kind}s[{index}]", item, written[f"{kind}s"][index])
            for index, item in enumerate(items)
        ]


def _describe(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return DEPTH_RULE
    if isinstance(error, UnicodeDecodeError):
        return f"is not {error.encoding.upper()}: byte {error.start} is wrong"
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        return f"{position}{error.problem}"
    return " ".join(str(error).split())
