"""`check-import`: whether imported definitions answer as the other system's SDK, case by case."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from realtime.migration.checking import Report, check_file
from realtime.safe_reading.shown_text import escape_controls


def check_import(console: Console, paths: Sequence[Path]) -> int:
    """Returns the exit status: 0 if there were cases and all agree."""
    report = Report()
    for path in paths:
        check_file(path, report)
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
    return int(bool(failed) or not report.passed)


def _show(fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False)
