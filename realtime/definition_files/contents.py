"""What one file holds: definitions, metrics, mistakes, and documents that have nothing to do with them."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from chalicelib.domain.definitions.schema import NamedDocument
from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.documents import KINDS
from chalicelib.domain.publishing.sources import MetricSource, Source
from chalicelib.domain.spelling import find_similar, suggest
from realtime.definition_files.files import Skipped
from realtime.definition_files.syntax import MAX_BYTES, parse_written
from realtime.safe_reading.regular_files import RefusedFile, read_regular
from realtime.safe_reading.strict_json import DEPTH_RULE

DEFINITION_LISTS = tuple(f"{kind}s" for kind in KINDS)
METRICS = "metrics"
LISTS = (*DEFINITION_LISTS, METRICS)
OTHER, BLANK, UNREADABLE = "without definitions", "blank", "unreadable, without definitions by all signs"
_CONTENT = "experiments: [...], flags: [...], segments: [...] and/or metrics: [...]"
_MENTION = re.compile(rb"(%s)[\"']?\s*:" % "|".join(DEFINITION_LISTS).encode())
_METRIC_FIELDS = MetricDocument.model_fields.keys() - NamedDocument.model_fields.keys()
_METRIC_MENTION = re.compile(rb"\bmetrics[\"']?\s*:.*\b(aggregate|numerator)[\"']?\s*:", re.DOTALL)
"""Files of other programs have ``metrics`` too."""


@dataclass(slots=True)
class FileContent:
    """``is_empty``: no document has a list of definitions, so ``skipped`` says why, and ``problems`` too.

    In a folder that is no mistake.
    """

    path: Path
    definitions: list[Source] = field(default_factory=list)
    metrics: list[MetricSource] = field(default_factory=list)
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
        text = data.replace(b"\0", b"")  # UTF-16 without a mark has zeros between letters
        if not _MENTION.search(text) and not _METRIC_MENTION.search(text):
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
    if not isinstance(document, dict):
        return False
    if any(find_similar(name, DEFINITION_LISTS, 0.8) for name in document):
        return True
    return any(find_similar(name, (METRICS,), 0.8) and _holds_metrics(document[name]) for name in document)


def _holds_metrics(value: Any) -> bool:
    """Files of other programs have ``metrics`` too."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value == [] or any(isinstance(item, dict) and item.keys() & _METRIC_FIELDS for item in items)


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
        items = _list_items(content, document, written, f"{kind}s", location)
        content.definitions += [Source(kind, *item) for item in items]
    content.metrics += [
        MetricSource(*item) for item in _list_items(content, document, written, METRICS, location)
    ]


def _list_items(
    content: FileContent, document: dict[Any, Any], written: dict[Any, Any], name: str, location: str
) -> list[tuple[str, Any, Any]]:
    """Location, data and written form of each item of a list."""
    items = document.get(name, [])
    if not isinstance(items, list):
        content.problems.append(Problem(f"{location}: {name}", "must be a list"))
        return []
    return [(f"{location}: {name}[{index}]", item, written[name][index]) for index, item in enumerate(items)]


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
