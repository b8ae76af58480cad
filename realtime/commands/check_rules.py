"""``check-rules``: run a rules corpus through the engine that decides in production.

A line is an operator case (``operator``, ``condition``, ``context``, ``expected``) or a document case
(``targeting_rules`` with ``context`` and ``expected_rule_id``, or with ``invalid: true``): docs/targeting.md.
"""

import gzip
import json
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from rich.console import Console

from chalicelib.domain.targeting import InvalidRules, compile_condition, compile_rules, parse


def run(paths: Iterable[str | Path], console: Console) -> int:
    """Prints every disagreement and ``N passed, M failed``; the exit code is 0 if all did, at least one."""
    passed = failed = 0
    for path in paths:
        for complaint in _check_file(Path(path)):
            if complaint is None:
                passed += 1
            else:
                failed += 1
                console.print(complaint, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{passed} passed, {failed} failed", highlight=False)
    return 0 if passed and not failed else 1


def _check_file(path: Path) -> Iterator[str | None]:
    """One complaint, or None, per case."""
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        yield f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
        return
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        yield f"{path}: holds no case"
    for number, line in lines:
        yield _check_line(line, f"{path}:{number}")


def _check_line(line: str, place: str) -> str | None:
    try:
        case = json.loads(line, parse_constant=_refuse)
        if not isinstance(case, dict):
            return f"{place}: not a case: must be a JSON object"
        wrong = [name for name, types in _TYPES.items() if name in case and type(case[name]) not in types]
        if wrong:
            return f"{place}: not a case: a field is of another type: {', '.join(wrong)}"
        disagreements = list(_document_case(case) if "targeting_rules" in case else _operator_case(case))
    except (ValueError, RecursionError) as error:
        return f"{place}: not a case: {error}"
    except KeyError as error:
        return f"{place}: not a case: needs the field {error}"
    except TypeError as error:  # within the condition
        return f"{place}: not a case: a field is of another type: {error}"
    if not disagreements:
        return None
    return f"{place}: {case.get('id', '-')}: {'; '.join(disagreements)}"


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


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _operator_case(case: Mapping[str, Any]) -> Iterator[str]:
    """The condition by itself, and whether a document that holds it is accepted."""
    condition, version = case["condition"], case.get("version", "1.0")
    matches = compile_condition(condition, version)(case["context"], _now(case))
    if matches is not case["expected"]:
        yield f"expected {_json(case['expected'])}, got {_json(matches)}"
    document = {"version": version, "rules": [{"id": "rule", "rule": {"conditions": [condition]}}]}
    accepted, reason = _parsed(document)
    if accepted is not case.get("schema_valid", True):
        yield (
            f"expected the schema to accept the condition, got {reason}"
            if reason
            else ("expected the schema to refuse the condition, got accepted")
        )


def _document_case(case: Mapping[str, Any]) -> Iterator[str]:
    accepted, reason = _parsed(case["targeting_rules"])
    if case.get("invalid", False):
        if accepted:
            yield "expected the document to be refused, got accepted"
        return
    expected = case["expected_rule_id"]
    if reason:
        yield f"expected rule {_json(expected)}, got refused: {reason}"
        return
    rules = compile_rules(parse(case["targeting_rules"]), case.get("salt", ""))
    rule = rules.match(case["context"], _now(case))
    if (rule.id if rule else None) != expected:
        yield f"expected rule {_json(expected)}, got {_json(rule.id if rule else None)}"


def _parsed(document: object) -> tuple[bool, str]:
    try:
        parse(document)
    except InvalidRules as error:
        return False, str(error)
    return True, ""


def _now(case: Mapping[str, Any]) -> float:
    return float(case.get("now", time.time()))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
