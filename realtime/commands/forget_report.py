"""What `forget` shows and reports: stores and counts, and no user."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from chalicelib.domain.timestamps import format_timestamp
from realtime.user_data.people import Person, map_ids
from realtime.user_data.stores import Finding

Findings = Mapping[str, Finding]
"""By the name of the store."""


def show(console: Console, columns: Mapping[str, Findings]) -> None:
    """A row for each store, with the counts of each column; then what the operator has to do."""
    table = Table(Column("store", overflow="fold"), *(Column(name, justify="right") for name in columns))
    first, *_ = columns.values()
    for store in first:
        table.add_row(store, *(_format_counts(findings[store]) for findings in columns.values()))
    console.print(table)
    notes = [note for finding in list(columns.values())[-1].values() for note in finding.notes]
    for note in notes:
        console.print(f"! {note}", highlight=False, markup=False, soft_wrap=True)


def make_report(
    people: Sequence[Person], mode: str, columns: Mapping[str, Findings], **fields: Any
) -> dict[str, Any]:
    """Stores and counts, and no user."""
    return {
        "finished_at": format_timestamp(time.time(), "seconds"),
        "mode": mode,
        "users": len(people),
        "ids": len(map_ids(people)),
        "stores": [
            {"store": store} | {name: _count(findings[store]) for name, findings in columns.items()}
            for store in next(iter(columns.values()))
        ],
    } | fields


def write_report(file: Path | None, report: Mapping[str, Any]) -> None:
    if file is not None:
        file.write_text(json.dumps(report, indent=2) + "\n")


def is_clean(findings: Findings) -> bool:
    return all(finding.is_clean for finding in findings.values())


def say_when_to_run_again(console: Console, until: float) -> None:
    if not until:
        console.print("This was the last run: the stream holds nothing any more. The salt is deleted.")
        return
    when = format_timestamp(until, "seconds")
    console.print(
        f"The stream may hold events until {when}. Run the same command again after that: it finds what came"
        " from the stream meanwhile.",
        highlight=False,
    )


def _format_counts(finding: Finding) -> str:
    parts = [f"{finding.own:,}"]
    if finding.mentions:
        parts.append(f"+{finding.mentions:,} mentions")
    if finding.unread:
        parts.append(f"{finding.unread:,} unread")
    return ", ".join(parts)


def _count(finding: Finding) -> dict[str, int]:
    return {"own": finding.own, "mentions": finding.mentions, "unread": finding.unread}
