"""Definition files (YAML or JSON) as one checked set; every problem names its file and path."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from chalicelib.domain import loading
from chalicelib.domain.documents import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput, Problem

SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(slots=True)
class DefinitionSet:
    experiments: list[ExperimentDocument] = field(default_factory=list)
    flags: list[FlagDocument] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class _Loader(yaml.SafeLoader):
    """YAML 1.2's idea of a boolean: ``on``, ``off``, ``yes`` and ``no`` are text, as variant keys often are."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read(paths: Iterable[Path]) -> DefinitionSet:
    """All files below ``paths`` as one set, with everything that is wrong with it in ``problems``."""
    found = DefinitionSet()
    seen: dict[tuple[str, str], str] = {}
    for path in _files(paths, found):
        for kind, index, data in _documents(path, found):
            where = f"{path}: {kind}[{index}]"
            try:
                if kind == "experiments":
                    document: Any = loading.parse_experiment(data)
                    found.experiments.append(document)
                else:
                    document = loading.parse_flag(data)
                    found.flags.append(document)
            except InvalidInput as error:
                key = data.get("key") if isinstance(data, dict) else None
                name = f"{where} ({key})" if isinstance(key, str) else where
                found.problems += [problem.within(name) for problem in error.details]
                continue
            first = seen.setdefault((kind, document.key), where)
            if first != where:
                found.problems.append(
                    Problem(f"{where}.key", f"{document.key!r} is defined already in {first}")
                )
    return found


def _files(paths: Iterable[Path], found: DefinitionSet) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
            if not inside:
                found.problems.append(Problem(str(path), "holds no .yaml, .yml or .json file"))
            yield from inside
        elif path.is_file():
            yield path
        else:
            found.problems.append(Problem(str(path), "no such file or folder"))


def _documents(path: Path, found: DefinitionSet) -> Iterator[tuple[str, int, Any]]:
    try:
        text = path.read_text("utf-8")
        data = json.loads(text) if path.suffix == ".json" else yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (ValueError, yaml.YAMLError, OSError) as error:
        found.problems.append(Problem(str(path), " ".join(str(error).split())))
        return
    if data is None:
        return
    if not isinstance(data, dict) or not set(data) <= {"experiments", "flags"}:
        found.problems.append(Problem(str(path), "must hold experiments: [...] and/or flags: [...]"))
        return
    for kind, items in data.items():
        if not isinstance(items, list):
            found.problems.append(Problem(f"{path}: {kind}", "must be a list"))
            continue
        for index, item in enumerate(items):
            yield kind, index, item
