"""``check-rules``: runs test cases for rules through the engine that decides in production.

A line is an operator case (``operator``, ``condition``, ``context``, ``expected``) or a document case
(``targeting_rules`` with ``context`` and ``expected_rule_id``, or with ``invalid: true``): docs/targeting.md.
"""

import io
import json
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from rich.console import Console

from chalicelib.domain.definitions.targeting_rules import Check, Rules, build_check
from chalicelib.domain.targeting import InvalidRules, parse
from chalicelib.domain.targeting.document import Condition
from realtime.safe_reading.regular_files import RefusedFile, read_regular
from realtime.safe_reading.strict_json import parse_json
from realtime.safe_reading.unpacking import unpack_gzip

MAX_BYTES = 64_000_000
"""Of a file, also unpacked."""


def run(paths: Iterable[str | Path], console: Console, *, as_json: bool = False) -> int:
    """Prints every failure and ``N passed, M failed``. The exit code is 0 if all passed, at least one."""
    passed, failures = 0, []
    for path in paths:
        for failure in _check_file(Path(path)):
            if failure is None:
                passed += 1
                continue
            failures.append(failure)
            if not as_json:
                console.print(failure, markup=False, highlight=False, soft_wrap=True)
    if as_json:
        answer = {"passed": passed, "failed": len(failures), "failures": failures}
        print(json.dumps(answer, ensure_ascii=False))
    else:
        console.print(f"{passed} passed, {len(failures)} failed", highlight=False)
    return 0 if passed and not failures else 1


def _check_file(path: Path) -> Iterator[str | None]:
    """For each case its failure, or None if it passes."""
    try:
        content = read_regular(path, MAX_BYTES, "split it")
        text = (unpack_gzip(content, MAX_BYTES) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except RefusedFile as error:
        yield str(error)
        return
    except (OSError, EOFError, ValueError, zlib.error) as error:
        yield f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        return
    has_case = False
    for number, line in enumerate(io.StringIO(text, newline="\n"), 1):
        if line.strip():
            has_case = True
            yield _check_line(line, f"{path}:{number}")
    if not has_case:
        yield f"{path}: has no case"


def _check_line(line: str, position: str) -> str | None:
    try:
        case = parse_json(line)
        if not isinstance(case, dict):
            return f"{position}: not a case: must be a JSON object"
        invalid = [name for name, types in _TYPES.items() if name in case and type(case[name]) not in types]
        if invalid:
            return f"{position}: not a case: a field has the wrong type: {', '.join(invalid)}"
        failures = list(_check_document(case) if "targeting_rules" in case else _check_operator(case))
    except (ValueError, RecursionError) as error:
        return f"{position}: not a case: {error}"
    except KeyError as error:
        return f"{position}: not a case: needs the field {error}"
    except TypeError as error:  # within the condition
        return f"{position}: not a case: a field has the wrong type: {error}"
    if not failures:
        return None
    return f"{position}: {case.get('id', '-')}: {'; '.join(failures)}"


_TYPES: dict[str, tuple[type, ...]] = {
    "condition": (dict,),
    "context": (dict,),
    "version": (str,),
    "salt": (str,),
    "now": (int, float),
    "expected": (bool,),
    "schema_valid": (bool,),
    "invalid": (bool,),
    "expected_rule_id": (str, NoneType),
}


def _check_operator(case: Mapping[str, Any]) -> Iterator[str]:
    """The condition by itself, and whether a document that holds it is accepted."""
    condition, version = case["condition"], case.get("version", "1.0")
    matches = _build_check(condition, version)(case["context"], _read_now(case))
    if matches is not case["expected"]:
        yield f"expected {_encode(case['expected'])}, got {_encode(matches)}"
    document = {"version": version, "rules": [{"id": "rule", "rule": {"conditions": [condition]}}]}
    mistakes = _find_mistakes(document)
    if mistakes and case.get("schema_valid", True):
        yield f"expected the schema to accept the condition, got {mistakes}"
    if not mistakes and not case.get("schema_valid", True):
        yield "expected the schema to refuse the condition, got accepted"


def _build_check(condition: Mapping[str, Any], version: str) -> Check:
    """Of a condition by itself. The schema need not accept it."""
    attribute, operator, value = (condition[name] for name in ("attribute", "operator", "value"))
    parsed = Condition("", attribute, operator, value, condition.get("additional_value"))
    return build_check(parsed, version == "2.0")


def _check_document(case: Mapping[str, Any]) -> Iterator[str]:
    mistakes = _find_mistakes(case["targeting_rules"])
    if case.get("invalid", False):
        if not mistakes:
            yield "expected the document to be refused, got accepted"
        return
    expected = case["expected_rule_id"]
    if mistakes:
        yield f"expected rule {_encode(expected)}, got refused: {mistakes}"
        return
    rules = Rules(parse(case["targeting_rules"]), case.get("salt", ""))
    rule = rules.match(case["context"], _read_now(case), case["context"].get("user_id"))
    if (rule.id if rule else None) != expected:
        yield f"expected rule {_encode(expected)}, got {_encode(rule.id if rule else None)}"


def _find_mistakes(document: object) -> str:
    """Why the parser refuses the document; empty if it accepts it."""
    try:
        parse(document)
    except InvalidRules as error:
        return str(error)
    return ""


def _read_now(case: Mapping[str, Any]) -> float:
    return float(case.get("now", time.time()))


def _encode(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
