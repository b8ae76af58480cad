"""Whether imported definitions answer as the other system does, case by case (`check-import`).

A case has a document, a user, a context, and what the other system's SDK answers. Definitions are imported,
written and read back as `import --out` does, and asked by the engine that decides in production.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from chalicelib.domain.definitions.compiler import compile_flag, compile_segment
from chalicelib.domain.definitions.model import Evaluation, Flag, Segment
from chalicelib.domain.definitions.schema import FlagDocument, SegmentDocument
from chalicelib.domain.definitions.variants import PYTHON_TYPES
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.general_form.state import Condition
from realtime.definition_files.documents import parse_document
from realtime.definition_files.syntax import MAX_YAML_BYTES, parse_documents
from realtime.importers.finishing import import_documents
from realtime.importers.model import Imported, Json
from realtime.importers.writing import write_json, write_yaml
from realtime.safe_reading.strict_json import parse_json

ANY_TIME = datetime.fromisoformat("2026-01-01T00:00:00+00:00").timestamp()
"""Of a case without a time."""


class Answer(NamedTuple):
    """``value`` is the caller's default where there is none."""

    value: Json
    variant: str | None
    enabled: bool


class Difference(NamedTuple):
    case: str
    expected: Mapping[str, Json]
    answered: Mapping[str, Json]


@dataclass(slots=True)
class Report:
    passed: int = 0
    differences: list[tuple[str, int, Difference]] = field(default_factory=list)
    """File, line and difference."""


class ImportedSet:
    """Definitions as they are in the written file; ask by the other system's key."""

    def __init__(self, text: str, suffix: str) -> None:
        (lists,) = parse_documents(text.encode(), suffix)
        self._flags: dict[str, FlagDocument] = {}
        for data in lists["flags"]:
            document = parse_document("flag", data)
            assert isinstance(document, FlagDocument)  # noqa: S101  what parse_document makes of a flag
            self._flags[document.key] = document
        self._keys = {document.alias or document.key: document.key for document in self._flags.values()}
        self._segments = {data["key"]: parse_document("segment", data) for data in lists.get("segments", [])}
        self._compiled: dict[str, Flag] = {}
        self._conditions: dict[str, Segment] = {}

    def ask(
        self, name: str, user: str | None, context: Mapping[str, Json], now: float, default: Json
    ) -> Answer:
        flag = self.find(self._keys.get(name, ""))
        if flag is None:
            return Answer(default, None, False)
        asked = dict(context) if user is None else {"user_id": user, **context}  # as OpenFeature clients ask
        try:
            answer: Evaluation = evaluate(flag, user, asked, now, self.find, find_segment=self._find_segment)
        except RealtimeError:
            return Answer(default, None, False)
        if not answer.has_value or not _is_of_type(flag.document.type, default):
            return Answer(default, None if answer.has_value else answer.variant, answer.enabled)
        return Answer(answer.value, answer.variant, answer.enabled)

    def find(self, key: str) -> Flag | None:
        if key not in self._flags:
            return None
        if key not in self._compiled:
            self._compiled[key] = compile_flag(self._flags[key])
        return self._compiled[key]

    def _find_segment(self, key: str) -> Condition | None:
        document = self._segments.get(key)
        if not isinstance(document, SegmentDocument):
            return None
        if key not in self._conditions:
            self._conditions[key] = compile_segment(document)
        return self._conditions[key].condition


def _is_of_type(kind: str, default: Json) -> bool:
    """Whether a flag of this type answers who asks with this default. An integer is a number."""
    if kind == "any" or default is None:
        return True
    is_number = type(default) in (int, float)
    return is_number if kind in ("integer", "float") else type(default) in PYTHON_TYPES[kind]


def write_and_read(imported: Imported) -> ImportedSet:
    text = write_yaml(imported, "imported")
    if len(text.encode()) > MAX_YAML_BYTES:
        return ImportedSet(write_json(imported), ".json")
    return ImportedSet(text, ".yaml")


def check_file(path: Path, report: Report) -> None:
    """Raises ValueError with the line that is no case, and OSError."""
    sets: dict[str, ImportedSet] = {}
    for number, case in _read_cases(path):
        try:
            difference = _check_case(case, path.parent, sets)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number}: is no case: {error}") from None
        if difference is None:
            report.passed += 1
        else:
            report.differences.append((str(path), number, difference))


def _read_cases(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_read_text(path).splitlines(), 1):
        if line.strip():
            case = parse_json(line)
            if not isinstance(case, dict):
                raise ValueError(f"{path}:{number}: must be an object")
            yield number, case


def _check_case(case: Mapping[str, Any], folder: Path, sets: dict[str, ImportedSet]) -> Difference | None:
    options = case.get("options", {})
    name = json.dumps([case["vendor"], case["definitions"], options], sort_keys=True)
    if name not in sets:
        written = case["definitions"]
        document = parse_json(_read_text(folder / written)) if isinstance(written, str) else written
        sets[name] = write_and_read(import_documents(case["vendor"], [document], options))
    now = datetime.fromisoformat(case["now"]).timestamp() if "now" in case else ANY_TIME
    answer = sets[name].ask(case["key"], case["user"], case["context"], now, case.get("default"))
    expected = case["expect"]
    answered = {field: getattr(answer, field) for field in expected}
    if all(is_equal(answered[field], value) for field, value in expected.items()):
        return None
    return Difference(str(case.get("case", "")), expected, answered)


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def is_equal(left: Json, right: Json) -> bool:
    """JSON equality: numbers by value, a boolean never equals a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(is_equal(left[name], right[name]) for name in left)
    return bool(left == right)
