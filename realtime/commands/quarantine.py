"""`quarantine list`, `stats`, `show`, `sample` and `audit`: look, and change nothing."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chalicelib.domain.audit import AuditTrail
from chalicelib.domain.stream.quarantine import Quarantine, QuarantinedRecord
from chalicelib.domain.timestamps import format_timestamp
from realtime.quarantine.held import Held, Stopping, hold_all
from realtime.quarantine.parts import list_parts
from realtime.quarantine.selection import Copies, Selection, count_by, count_records

EVERYTHING = Selection()
HIDDEN_LENGTH = 16
MAX_SHOWN = 20_000
"""Characters of a payload on a terminal."""


def never() -> bool:
    """Where nobody presses Ctrl-C."""
    return False


def list_quarantine(
    console: Console,
    quarantine: Quarantine,
    selection: Selection = EVERYTHING,
    *,
    limit: int = 0,
    as_json: bool = False,
    is_stopping: Stopping = never,
) -> int:
    """Print the records and return how many there are.

    ``as_json`` prints one line for each, with its payload; the table shows no payload, and at most ``limit``
    records unless that is 0.
    """
    with hold_all(quarantine, is_stopping) as held:
        records = selection.select(held.messages)
        if as_json:
            for copies in records[: limit or None]:
                print(json.dumps(_render(quarantine, copies[0])))
            return len(records)
    if not records:
        console.print(_say_nothing(selection, held))
        return 0
    console.print(format_counts(count_by(records, "code")), highlight=False)
    names = Column("arrived"), Column("code, field", overflow="fold"), Column("bytes", no_wrap=True)
    table = Table(*names, Column("id, place", overflow="fold"))
    for copies in records[: limit or None]:
        description = copies[0].description
        field = description["field"]
        table.add_row(
            str(description["arrived_at"]).replace("T", " ")[:19],
            Text(f"{description['code']}\n{field}" if field else str(description["code"])),
            "?" if description["bytes"] is None else str(description["bytes"]),
            Text(f"{copies[0].id}\n{copies[0].place}"),
        )
    console.print(table)
    if limit and len(records) > limit:
        console.print(f"{len(records) - limit:,} more: --limit 0 shows all, filters show fewer.")
    return len(records)


def show_stats(
    console: Console,
    quarantine: Quarantine,
    selection: Selection = EVERYTHING,
    *,
    as_json: bool = False,
    is_stopping: Stopping = never,
) -> int:
    """Print how many records there are by code, shard and hour of arrival, and return how many."""
    with hold_all(quarantine, is_stopping) as held:
        counts = count_records(selection.select(held.messages))
    if as_json:
        print(json.dumps(counts | {"hidden": held.hidden_elsewhere}))
    elif not counts["records"]:
        console.print(_say_nothing(selection, held))
    else:
        console.print(f"{counts['records']:,} records", highlight=False)
        for name in ("code", "shard", "hour", "kind"):
            by_name: dict[str, int] = counts[f"by_{name}"]
            if name != "kind" or set(by_name) != {"event"}:
                console.print(make_counts_table(name, by_name))
    number: int = counts["records"]
    return number


def show_records(
    console: Console,
    quarantine: Quarantine,
    selection: Selection,
    *,
    per_code: int = 0,
    as_json: bool = False,
    is_stopping: Stopping = never,
) -> int:
    """Print records with their payloads; with ``per_code`` the first so many of each code."""
    with hold_all(quarantine, is_stopping) as held:
        records = selection.select(held.messages)
        shown = _take_per_code(records, per_code) if per_code else records
        rendered = [_render(quarantine, copies[0]) for copies in shown]
    for record in rendered:
        if as_json:
            print(json.dumps(record))
            continue
        payload = record.pop("payload")
        for name, value in record.items():
            if value is not None and name not in ("payload_at",):
                console.print(Text(f"{name}: {value}"), soft_wrap=True)
        text = "The payload does not exist any more." if payload is None else payload[:MAX_SHOWN]
        if payload is not None and len(payload) > MAX_SHOWN:
            text += f"\n… {len(payload) - MAX_SHOWN:,} more characters: --json has all"
        console.print(Text(f"{text}\n"), soft_wrap=True)
    if not rendered and not as_json:
        console.print(_say_nothing(selection, held))
    return len(rendered)


def show_audit(console: Console, trail: AuditTrail, limit: int, *, as_json: bool = False) -> int:
    """Print the latest actions, newest first."""
    actions = trail.read(limit)
    if as_json:
        for action in actions:
            print(json.dumps({**vars(action), "at": format_timestamp(action.at)}))
        return len(actions)
    for action in actions:
        by = f"{action.by} ({action.note})" if action.note else action.by
        counts = ", ".join(f"{number:,} {name}" for name, number in action.counts.items()) or "nothing"
        lines = [f"{format_timestamp(action.at, 'seconds')} {action.name} by {by}: {action.outcome}"]
        lines += [f"  {counts}", f"  {action.selection or 'everything'}"]
        lines += [f"  reason: {action.reason}"] if action.reason else []
        console.print(Text("\n".join(lines)))
    if not actions:
        console.print("Nothing has been changed by hand.")
    return len(actions)


def format_counts(counts: Mapping[str, int]) -> str:
    """``12 records: 10 invalid_json, 2 too_old``."""
    total = sum(counts.values())
    by_code = ", ".join(f"{number:,} {code}" for code, number in sorted(counts.items()))
    return f"{total:,} {'record' if total == 1 else 'records'}" + (f": {by_code}" if by_code else "")


def make_counts_table(name: str, counts: Mapping[str, int]) -> Table:
    table = Table(Column(name, overflow="fold"), Column("records", justify="right", no_wrap=True))
    for key, number in counts.items():
        table.add_row(Text(key), f"{number:,}")
    return table


def _take_per_code(records: Sequence[Copies], per_code: int) -> list[Copies]:
    taken: Counter[str] = Counter()
    shown = []
    for copies in records:
        taken[copies[0].code] += 1
        if taken[copies[0].code] <= per_code:
            shown.append(copies)
    return shown


def _render(quarantine: Quarantine, record: QuarantinedRecord) -> dict[str, Any]:
    payload = quarantine.read_payload(record)
    text = None if payload is None else b"\n".join(list_parts(payload)).decode("utf-8", "backslashreplace")
    shown = record.description | {"partition_key": hide_key(str(record.description["partition_key"]))}
    return {"id": record.id, "place": record.place, **shown, "payload": text}


def hide_key(partition_key: str) -> str:
    """Of the same user the same text. The key is nearly always a user id."""
    hidden = hashlib.sha256(partition_key.encode("utf-8", "surrogatepass")).hexdigest()[:HIDDEN_LENGTH]
    return f"sha256:{hidden}" if partition_key else ""


def _say_nothing(selection: Selection, held: Held[QuarantinedRecord]) -> str:
    what = "Nothing is in quarantine." if selection.is_everything else "No record of this selection is there."
    if not held.hidden_elsewhere:
        return what
    hidden = f"Another run holds {held.hidden_elsewhere:,}, or one was killed: a quarter of an hour at most."
    return f"{what} {hidden}"
