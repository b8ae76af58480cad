"""`validate`: check definition files as one set, and print every problem and warning."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from chalicelib.domain.definitions import consistency
from chalicelib.domain.errors import Problem
from realtime.definition_files.documents import DefinitionName, Document
from realtime.definition_files.files import Skipped
from realtime.definition_files.lint.analysis import lint_metric
from realtime.definition_files.lint.document import lint_document
from realtime.definition_files.lint.sets import lint_set
from realtime.definition_files.metrics import find_unnamed
from realtime.definition_files.read import DefinitionSet, read_definitions
from realtime.safe_reading.shown_text import escape_controls

MAX_SKIPPED = 20
"""Names that are printed for each reason to skip a file."""


def validate(console: Console, paths: Sequence[Path], strict: bool) -> int:
    """Returns the exit status."""
    definitions = read_definitions(paths)
    definitions.freeze_metrics({})
    problems = definitions.problems or find_conflicts(definitions.documents, definitions)
    return print_report(console, definitions, problems, strict)


def find_conflicts(documents: Mapping[DefinitionName, Document], definitions: DefinitionSet) -> list[Problem]:
    """What is wrong between ``documents``, with the location of those that ``definitions`` has read."""
    conflicts = consistency.check_set(documents.values())
    return [problem.with_prefix(definitions.locate(name)) for name, problem in conflicts]


def print_report(
    console: Console, definitions: DefinitionSet, problems: Sequence[Problem], strict: bool
) -> int:
    """Print ``problems`` and the warnings; return the exit status."""
    warnings = _find_warnings(definitions)
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
    metrics = f" and {len(definitions.metrics)} metrics" if definitions.metrics else ""
    count = f"{len(definitions.documents)} valid definitions{metrics}"
    summary = f"{count}, {len(problems)} errors, {len(warnings)} warnings."
    console.print(f"{summary} {verdict}", highlight=False)
    return int(has_failed)


def _group_skipped(skipped: Sequence[Skipped]) -> dict[str, list[str]]:
    """The names of what was skipped, by reason."""
    names: dict[str, list[str]] = {}
    for item in skipped:
        names.setdefault(item.reason, []).append(str(item))
    return names


def _find_warnings(definitions: DefinitionSet) -> list[Problem]:
    of_each = [
        (name, problem)
        for name, document in definitions.documents.items()
        for problem in lint_document(name, document, definitions.sources[name])
    ]
    of_metrics = [
        problem.with_prefix(each.locate())
        for each in definitions.metrics.values()
        for problem in lint_metric(each.source)
    ]
    of_set = [] if definitions.problems else lint_set(definitions.documents)
    of_definitions = [problem.with_prefix(definitions.locate(name)) for name, problem in (*of_each, *of_set)]
    return [*of_definitions, *of_metrics]


def _escape(text: object) -> str:
    """For rich, and for the terminal."""
    return escape(escape_controls(str(text)))
