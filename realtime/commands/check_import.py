"""`check-import`: whether imported definitions answer as the other system's SDK, case by case."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from realtime.migration.checking import Report, check_file
from realtime.safe_reading.shown_text import escape_controls


def check_import(console: Console, paths: Sequence[Path], *, as_json: bool = False) -> int:
    """Returns the exit status: 0 if there were cases and all agree."""
    report = Report()
    for path in paths:
        check_file(path, report)
    status = int(bool(report.differences) or not report.passed)
    if as_json:
        _print_json(report)
        return status
    for path_name, line, difference in report.differences:
        text = (
            f"{path_name}:{line}: {difference.case}: expected {_show(difference.expected)}, "
            f"answered {_show(difference.answered)}"
        )
        if difference.refusal:
            text += f" (refused: {difference.refusal})"
        console.print(escape_controls(text), highlight=False, markup=False, soft_wrap=True)
    failed = len(report.differences)
    console.print(f"{report.passed} passed, {failed} failed", highlight=False)
    return status


def _print_json(report: Report) -> None:
    differences = [
        {
            "place": f"{path}:{line}",
            "case": each.case,
            "expected": each.expected,
            "answered": each.answered,
            "refusal": each.refusal or None,
        }
        for path, line, each in report.differences
    ]
    counts = {"passed": report.passed, "failed": len(differences)}
    print(json.dumps(counts | {"differences": differences}, ensure_ascii=False))


def _show(fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)
