"""Whether imported definitions answer as the other system does, case by case (`check-import`).

A case has a document, a user, a context, and what the other system's SDK answers. Definitions are imported,
written and read back as `import --out` does, and asked by the engine that decides in production.
"""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, NamedTuple

from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.definitions.variants import PYTHON_TYPES
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.publishing.documents import parse_document
from realtime.definition_files.syntax import MAX_YAML_BYTES, parse_documents
from realtime.migration.comparing import is_equal
from realtime.migration.compiled_set import CompiledSet, add_user
from realtime.migration.finishing import import_documents
from realtime.migration.model import Imported, Json
from realtime.migration.writing import write_json, write_yaml
from realtime.safe_reading.strict_json import parse_json

ANY_TIME = datetime.fromisoformat("2026-01-01T00:00:00+00:00").timestamp()
"""Of a case without a time."""


class Answer(NamedTuple):
    """``value`` is the caller's default where there is none."""

    value: Json
    variant: str | None
    enabled: bool


class Difference(NamedTuple):
    """``refusal``: why the flag was not imported, if that is why."""

    case: str
    expected: Mapping[str, Json]
    answered: Mapping[str, Json]
    refusal: str = ""


@dataclass(slots=True)
class Report:
    passed: int = 0
    differences: list[tuple[str, int, Difference]] = field(default_factory=list)
    """File, line and difference."""


_KINDS: Mapping[str, DefinitionKind] = {"flags": "flag", "segments": "segment", "experiments": "experiment"}


class ImportedSet:
    """Definitions as they are in the written file; ask by the other system's key.

    ``refusals``: the reasons, by that key.
    """

    def __init__(self, text: str, suffix: str, refusals: Mapping[str, str]) -> None:
        self.refusals = refusals
        (lists,) = parse_documents(text.encode(), suffix)
        self._definitions = CompiledSet(
            parse_document(kind, data) for name, kind in _KINDS.items() for data in lists.get(name, [])
        )

    def ask(
        self, name: str, user: str | None, context: Mapping[str, Json], now: float, default: Json
    ) -> Answer:
        flag = self._definitions.find(name)
        if flag is None:
            return Answer(default, None, False)
        asked = add_user(user, context)
        answer = self._definitions.ask(flag, user, asked, self._definitions.make_state(user, asked, now))
        if isinstance(answer, RealtimeError):
            return Answer(default, None, False)
        if not answer.has_value or not _is_of_type(flag.document.type, default):
            return Answer(default, None if answer.has_value else answer.variant, answer.enabled)
        return Answer(answer.value, answer.variant, answer.enabled)


def _is_of_type(kind: str, default: Json) -> bool:
    """Whether a flag of this type answers who asks with this default. An integer is a number."""
    if kind == "any" or default is None:
        return True
    is_number = type(default) in (int, float)
    return is_number if kind in ("integer", "float") else type(default) in PYTHON_TYPES[kind]


def write_and_read(imported: Imported) -> ImportedSet:
    refusals = {note.key: note.message for note in imported.refusals}
    text = write_yaml(imported, "imported")
    if len(text.encode()) > MAX_YAML_BYTES:
        return ImportedSet(write_json(imported), ".json", refusals)
    return ImportedSet(text, ".yaml", refusals)


def check_file(path: Path, report: Report) -> None:
    """Raises ValueError with the line that is no case, and OSError."""
    sets: dict[str, ImportedSet] = {}
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            difference = _check_case(_parse_case(line), path.parent, sets)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
        if difference is None:
            report.passed += 1
        else:
            report.differences.append((str(path), number, difference))


_TYPES: Mapping[str, tuple[type, ...]] = {
    "vendor": (str,),
    "definitions": (str, dict, list),
    "key": (str,),
    "user": (str, NoneType),
    "context": (dict,),
    "expect": (dict,),
}


def _parse_case(line: str) -> dict[str, Any]:
    """``expect`` has what can be compared only."""
    case = parse_json(line)
    if not isinstance(case, dict):
        raise ValueError("is no case: must be an object")  # noqa: TRY004  a mistake in a file
    for name, types in _TYPES.items():
        if name not in case or not isinstance(case[name], types):
            names = " or ".join(_TYPE_NAMES[each] for each in types)
            raise ValueError(f"is no case: {name} must be {names}")
    options = case.setdefault("options", {})
    if not isinstance(options, dict) or not all(isinstance(value, str) for value in options.values()):
        raise ValueError("is no case: options must be an object of texts")
    expected = {name: value for name, value in case["expect"].items() if name in Answer._fields}
    if not expected:
        raise ValueError(f"is no case: expect must have one of {', '.join(Answer._fields)}")
    return case | {"expect": expected}


_TYPE_NAMES = {str: "text", dict: "an object", list: "a list", NoneType: "null"}


def _check_case(case: Mapping[str, Any], folder: Path, sets: dict[str, ImportedSet]) -> Difference | None:
    written, options = case["definitions"], case["options"]
    name = json.dumps([case["vendor"], written, options], sort_keys=True)
    if name not in sets:
        document = parse_json(_read_text(folder / written)) if isinstance(written, str) else written
        sets[name] = write_and_read(import_documents(case["vendor"], [document], options))
    now = ANY_TIME
    if "now" in case:
        now = datetime.fromisoformat(str(case["now"])).timestamp()
    answer = sets[name].ask(case["key"], case["user"], case["context"], now, case.get("default"))
    expected = case["expect"]
    answered = {field: getattr(answer, field) for field in expected}
    if all(is_equal(answered[field], value) for field, value in expected.items()):
        return None
    return Difference(str(case.get("case", "")), expected, answered, sets[name].refusals.get(case["key"], ""))


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read: {error}") from None
