"""Definition files (YAML or JSON) as one checked set; every problem names its file and path."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Any, TypeAlias

import yaml

from chalicelib.domain.definitions import compiler, consistency
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.definitions.schema import MAX_BYTES, ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput, Problem

_HOLDS = "experiments: [...] and/or flags: [...]"
SUFFIXES = (".yaml", ".yml", ".json")
Document: TypeAlias = ExperimentDocument | FlagDocument
Name: TypeAlias = tuple[DefinitionKind, str]
"""Kind and key: what tells definitions apart."""


@dataclass(slots=True)
class DefinitionSet:
    documents: dict[Name, Document] = field(default_factory=dict)
    places: dict[Name, str] = field(default_factory=dict)  # file and path
    problems: list[Problem] = field(default_factory=list)

    @property
    def experiments(self) -> list[ExperimentDocument]:
        return [document for document in self.documents.values() if isinstance(document, ExperimentDocument)]

    @property
    def flags(self) -> list[FlagDocument]:
        return [document for document in self.documents.values() if isinstance(document, FlagDocument)]

    def named(self, name: Name) -> str:
        """Where a definition stands, and its key."""
        kind, key = name
        return f"{self.places[name]} ({key})" if name in self.places else f"published {kind} {key}"


class _Loader(yaml.SafeLoader):
    """YAML 1.2: ``on``, ``no``, ``2026-01-31`` and ``12:30`` are text, as they are in JSON.

    A field written twice is refused: the first would be lost without a word, and it may be the kill switch.
    """

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:  # typeshed's type of it
        node = super().compose_mapping_node(anchor)
        _once((key.value for key, _ in node.value), f"line {node.start_mark.line + 1}")
        return node


_TAG = "tag:yaml.org,2002:"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in (f"{_TAG}null", f"{_TAG}merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"(?:{_pattern})\Z"), list(_first))


def _integer(_loader: _Loader, node: yaml.ScalarNode) -> int:
    """Decimal even with a leading zero, which YAML 1.1 read as octal."""
    text = str(node.value)
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_Loader.add_constructor(f"{_TAG}int", _integer)


def read(paths: Iterable[Path]) -> DefinitionSet:
    """All files below ``paths`` as one set, with everything that is wrong with it in ``problems``."""
    found = DefinitionSet()
    for path in _files(paths, found):
        for kind, index, data in _items(path, found):
            place = f"{path}: {kind}s[{index}]"
            key = data.get("key") if isinstance(data, dict) else None
            named = f"{place} ({key})" if isinstance(key, str) else place
            foreign = [problem.within(named) for problem in _foreign(data, "")]
            if foreign:
                found.problems += foreign
                continue
            try:
                document = parse(kind, data)
                size = len(definition(document).text.encode())
            except UnicodeEncodeError:
                found.problems.append(Problem(place, "holds a lone surrogate, which is no text"))
                continue
            except InvalidInput as error:
                found.problems += [problem.within(named) for problem in error.details]
                continue
            named = f"{place} ({document.key})"
            found.problems += [problem.within(named) for problem in consistency.unclear(document)]
            if size > MAX_BYTES:
                message = f"has {size} bytes as JSON, {MAX_BYTES} are allowed; name users by a targeting rule"
                found.problems.append(Problem(named, message))
            first = found.places.setdefault((kind, document.key), place)
            if first == place:
                found.documents[kind, document.key] = document
            else:
                message = f"{document.key!r} is defined already in {first}"
                found.problems.append(Problem(f"{place}.key", message))
    return found


def parse(kind: DefinitionKind, data: object) -> Document:
    """Raises InvalidInput with every problem's path."""
    return compiler.parse_experiment(data) if kind == "experiment" else compiler.parse_flag(data)


def definition(document: Document) -> DefinitionRow:
    """As the table holds it: the fields that were written, in the order of the model."""
    text = json.dumps(
        document.model_dump(mode="json", exclude_unset=True), ensure_ascii=False, separators=(",", ":")
    )
    if isinstance(document, ExperimentDocument):
        return DefinitionRow("experiment", document.key, text, document.status)
    return DefinitionRow("flag", document.key, text, "active" if document.enabled else "inactive")


def _foreign(data: Any, path: str) -> Iterator[Problem]:
    """What JSON has no words for, and the table would hold as something else."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str):
                yield from _foreign(value, f"{path}.{key}" if path else key)
            else:
                yield Problem(path, f"the field {key!r} must have a text for its name: quote it")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _foreign(value, f"{path}[{index}]")
    elif isinstance(data, float) and not isfinite(data):
        yield Problem(path, f"must be a finite number, not {data}")
    elif type(data) not in (str, int, float, bool, NoneType):
        yield Problem(path, f"must be a JSON value, not a {type(data).__name__}")


def _files(paths: Iterable[Path], found: DefinitionSet) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
            if not inside:
                found.problems.append(Problem(str(path), "holds no .yaml, .yml or .json file"))
        elif path.is_file():
            inside = [path]
        else:
            found.problems.append(Problem(str(path), "no such file or folder"))
            continue
        yield from (file for file in inside if file.resolve() not in seen)
        seen.update(file.resolve() for file in inside)


def _parsed(text: str, suffix: str) -> Any:
    if suffix == ".json":
        return json.loads(text, object_pairs_hook=_object)
    return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _once((key for key, _ in pairs), "an object")
    return dict(pairs)


def _once(fields: Iterable[Any], place: str) -> None:
    seen: set[str] = set()
    for name in map(str, fields):
        if name in seen:
            raise ValueError(f"{place}: {name!r} is written twice; keep one")
        seen.add(name)


def _items(path: Path, found: DefinitionSet) -> Iterator[tuple[DefinitionKind, int, Any]]:
    try:
        text = path.read_text("utf-8")
        data = _parsed(text, path.suffix)
    except RecursionError:
        found.problems.append(Problem(str(path), "is nested too deeply, or within itself"))
        return
    except UnicodeDecodeError as error:
        found.problems.append(Problem(str(path), f"is not UTF-8: byte {error.start} is wrong"))
        return
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        found.problems.append(Problem(str(path), f"{place}{error.problem}"))
        return
    except (ValueError, yaml.YAMLError, OSError) as error:
        found.problems.append(Problem(str(path), " ".join(str(error).split())))
        return
    if data is None or data == {}:
        found.problems.append(Problem(str(path), "holds no definitions; write flags: [] if none are meant"))
        return
    if not isinstance(data, dict):
        found.problems.append(Problem(str(path), f"must hold {_HOLDS}"))
        return
    for name in sorted(map(str, data.keys() - {"experiments", "flags"})):
        found.problems.append(Problem(f"{path}: {name}", f"unknown field; a file holds {_HOLDS}"))
    kinds: tuple[DefinitionKind, ...] = ("experiment", "flag")
    for kind in kinds:
        items = data.get(f"{kind}s", [])
        if not isinstance(items, list):
            found.problems.append(Problem(f"{path}: {kind}s", "must be a list"))
            continue
        for index, item in enumerate(items):
            yield kind, index, item
