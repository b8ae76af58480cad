"""`validate`: check definition files as one set, and print every problem and warning."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.metrics import find_unnamed
from realtime.definition_files.files import Skipped
from realtime.definition_files.read import FileSet, read_definitions
from realtime.safe_reading.shown_text import escape_controls, format_count

MAX_SKIPPED = 20
"""Names that are printed for each reason to skip a file."""


def validate(console: Console, paths: Sequence[Path], strict: bool, *, as_json: bool = False) -> int:
    """Returns the exit status."""
    definitions = read_definitions(paths)
    definitions.freeze_metrics({})
    problems = definitions.problems or definitions.find_conflicts(definitions.documents)
    if as_json:
        report = describe_report(definitions, problems, strict)
        print(json.dumps(report, ensure_ascii=False))
        return int(not report["valid"])
    return print_report(console, definitions, problems, strict)


def describe_report(definitions: FileSet, problems: Sequence[Problem], strict: bool) -> dict[str, Any]:
    """What `print_report` prints, as JSON."""
    from chalicelib.admin.rendering import render_problems  # half as long again to load as all the rest

    warnings = definitions.find_warnings()
    return {
        "valid": not (problems or (strict and warnings)),
        "definitions": len(definitions.documents),
        "metrics": len(definitions.metrics),
        "errors": render_problems(problems),
        "warnings": render_problems(warnings),
        "skipped": [{"path": str(item), "reason": item.reason} for item in definitions.skipped],
    }


def print_report(console: Console, definitions: FileSet, problems: Sequence[Problem], strict: bool) -> int:
    """Print ``problems`` and the warnings; return the exit status."""
    warnings = definitions.find_warnings()
    for reason, names in _group_skipped(definitions.skipped).items():
        shown = ", ".join(names[:MAX_SKIPPED]) + f" and {len(names) - MAX_SKIPPED:,} more" * (
            len(names) > MAX_SKIPPED
        )
        console.print(f"[dim]skipped {reason}: {_escape(shown)}[/dim]", highlight=False, soft_wrap=True)
    for problem in problems:
        console.print(f"[red]error[/red]   {_escape(problem)}", highlight=False, soft_wrap=True)
    for warning in warnings:
        console.print(
            f"[yellow]warning[/yellow] {_escape(warning)}",
            highlight=False,
            soft_wrap=True,
        )
    for note in find_unnamed(definitions.metrics, definitions.documents):
        console.print(f"[dim]note    {_escape(note)}[/dim]", highlight=False, soft_wrap=True)
    has_failed = bool(problems) or (strict and bool(warnings))
    verdict = "[red]Nothing is published.[/red]" if has_failed else "[green]Valid.[/green]"
    metrics = f" and {format_count(len(definitions.metrics), 'metric')}" if definitions.metrics else ""
    count = f"{format_count(len(definitions.documents), 'valid definition')}{metrics}"
    summary = f"{count}, {format_count(len(problems), 'error')}, {format_count(len(warnings), 'warning')}."
    console.print(f"{summary} {verdict}", highlight=False)
    return int(has_failed)


def _group_skipped(skipped: Sequence[Skipped]) -> dict[str, list[str]]:
    """The names of what was skipped, by reason."""
    names: dict[str, list[str]] = {}
    for item in skipped:
        names.setdefault(item.reason, []).append(str(item))
    return names


def _escape(text: object) -> str:
    """For rich, and for the terminal."""
    return escape(escape_controls(str(text)))
