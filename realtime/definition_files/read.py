"""Read definition files as one checked set. Every problem names its file and path."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any

from chalicelib.domain.definitions import consistency
from chalicelib.domain.definitions.field_types import MAX_DEFINITION_BYTES
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput, Problem
from realtime.definition_files.contents import FileContent, MetricSource, Source, read_file
from realtime.definition_files.documents import DefinitionName, Document, build_row, parse_document
from realtime.definition_files.files import Skipped, list_files
from realtime.definition_files.metrics import CatalogueMetric, freeze_metrics, parse_metric

MAX_SET_BYTES = 64_000_000
"""Of all files together."""


@dataclass(slots=True)
class DefinitionSet:
    documents: dict[DefinitionName, Document] = field(default_factory=dict)
    locations: dict[DefinitionName, str] = field(default_factory=dict)  # file and path
    sources: dict[DefinitionName, Source] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    metrics: dict[str, CatalogueMetric] = field(default_factory=dict)

    @property
    def experiments(self) -> list[ExperimentDocument]:
        return [document for document in self.documents.values() if isinstance(document, ExperimentDocument)]

    @property
    def flags(self) -> list[FlagDocument]:
        return [document for document in self.documents.values() if isinstance(document, FlagDocument)]

    def locate(self, name: DefinitionName) -> str:
        """The file, path and key of a definition, for messages."""
        kind, key = name
        return f"{self.locations[name]} ({key})" if name in self.locations else f"published {kind} {key}"

    def add_content(self, content: FileContent, *, is_named: bool) -> None:
        """``is_named``: by the user, so that a file without definitions is a mistake."""
        if content.is_empty and not is_named:
            self.skipped += content.skipped
            return
        self.problems += content.problems
        if not content.is_empty:
            self.skipped += content.skipped
        for source in content.definitions:
            self.add(source)
        for metric in content.metrics:
            self.add_metric(metric)

    def freeze_metrics(self, published: Mapping[DefinitionName, Document]) -> None:
        """Write the metrics that each analysis names into it, or to ``problems`` that there is none."""
        for name, document in self.documents.items():
            if isinstance(document, ExperimentDocument) and document.analysis is not None:
                frozen, problems = freeze_metrics(document, self.metrics, published.get(name))
                problems += _check_size(frozen)
                self.problems += [problem.with_prefix(self.locate(name)) for problem in problems]
                self.documents[name] = frozen

    def add_metric(self, source: MetricSource) -> None:
        """Add a metric of the catalogue, or what is wrong with it to ``problems``."""
        label = _label(source)
        problems = _check_json(source, label)
        if problems:
            self.problems += problems
            return
        metric = parse_metric(source.data)
        if isinstance(metric, list):
            self.problems += [problem.with_prefix(label) for problem in metric]
            return
        first = self.metrics.setdefault(metric.key, CatalogueMetric(metric, source))
        if first.source is not source:
            message = f"{metric.key!r} is already defined in {first.source.location}"
            self.problems.append(Problem(f"{source.location}.key", message))

    def add(self, source: Source) -> None:
        """Add the definition of ``source``, or what is wrong with it to ``problems``."""
        kind, data, location = source.kind, source.data, source.location
        label = _label(source)
        problems = _check_json(source, label)
        if problems:
            self.problems += problems
            return
        try:
            document = parse_document(kind, data)
            too_large = _check_size(document)
        except UnicodeEncodeError:
            self.problems.append(Problem(location, "contains a lone surrogate, which is not valid text"))
            return
        except InvalidInput as error:
            self.problems += [problem.with_prefix(label) for problem in error.details]
            return
        label = f"{location} ({document.key})"
        mistakes = [*consistency.check_document(document), *too_large]
        self.problems += [problem.with_prefix(label) for problem in mistakes]
        first = self.locations.setdefault((kind, document.key), location)
        if first == location:
            self.documents[kind, document.key] = document
            self.sources[kind, document.key] = source
        else:
            message = f"{document.key!r} is already defined in {first}"
            self.problems.append(Problem(f"{location}.key", message))


def read_definitions(paths: Iterable[Path]) -> DefinitionSet:
    """All files below ``paths`` as one set, with everything that is wrong with it in ``problems``.

    In a folder, a file without definitions is skipped; named directly, it is a problem.
    """
    definitions = DefinitionSet()
    seen: set[str] = set()
    size = 0
    for path in paths:
        if path.is_dir():
            files, skipped = list_files(path, definitions.problems)
            definitions.skipped += skipped
            if not files:
                definitions.problems.append(Problem(str(path), "holds no .yaml, .yml or .json file"))
        elif path.exists():
            files = [path]
        else:
            definitions.problems.append(Problem(str(path), "no such file or folder"))
            continue
        size += sum(map(_get_size, files))
        if size > MAX_SET_BYTES:
            limit = f"{MAX_SET_BYTES // 1_000_000} MB"
            definitions.problems.append(Problem(str(path), f"the files have over {limit} in all; name fewer"))
            break
        contents = [read_file(file) for file in files if os.path.realpath(file) not in seen]
        seen.update(map(os.path.realpath, files))
        for content in contents:
            definitions.add_content(content, is_named=content.path == path)
        if path.is_dir() and contents and all(content.is_empty for content in contents):
            message = "holds no definitions; write flags: [] if none are meant"
            definitions.problems.append(Problem(str(path), message))
    return definitions


def _get_size(file: Path) -> int:
    """0 if it is not there; reading it says so."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _label(source: Source | MetricSource) -> str:
    """The place in the file, with the key if it has one."""
    key = source.data.get("key") if isinstance(source.data, dict) else None
    return f"{source.location} ({key})" if isinstance(key, str) else source.location


def _check_json(source: Source | MetricSource, label: str) -> list[Problem]:
    try:
        return [problem.with_prefix(label) for problem in _find_non_json(source.data, "")]
    except RecursionError:
        return [Problem(label, "is nested too deeply, or contains itself")]


def _check_size(document: Document) -> list[Problem]:
    size = len(build_row(document).text.encode())
    if size <= MAX_DEFINITION_BYTES:
        return []
    limit = f"{MAX_DEFINITION_BYTES} are allowed; name users by a targeting rule"
    return [Problem("", f"has {size} bytes as JSON, {limit}")]


def _find_non_json(data: Any, path: str) -> Iterator[Problem]:
    """YAML values that JSON does not have: the table could not hold them as they are."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str):
                yield from _find_non_json(value, f"{path}.{key}" if path else key)
            else:
                yield Problem(path, f"the field name {key!r} must be text: quote it")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _find_non_json(value, f"{path}[{index}]")
    elif isinstance(data, float) and not isfinite(data):
        yield Problem(path, f"must be a finite number, not {data}")
    elif type(data) not in (str, int, float, bool, NoneType):
        yield Problem(path, f"must be a JSON value, not a {type(data).__name__}")
