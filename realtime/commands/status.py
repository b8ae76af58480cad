"""`status`: a line for each thing that an operator watches, and what to do about it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chalicelib.domain.status.alarms import Condition
from chalicelib.domain.status.judging import Line, State
from chalicelib.domain.status.lines import RUNBOOK, describe_status, get_overall, list_lines
from chalicelib.domain.status.snapshot import Snapshot
from chalicelib.domain.timestamps import format_timestamp

COLOURS = {
    State.OFF: "dim",
    State.GREEN: "green",
    State.AMBER: "yellow",
    State.RED: "red",
    State.UNKNOWN: "red",
}
EXIT_CODES = {State.GREEN: 0, State.AMBER: 1, State.RED: 2}
WATCH_SECONDS = 5.0
STATE_WIDTH, NAME_WIDTH = 7, 14


class Source(Protocol):
    @property
    def conditions(self) -> Mapping[str, Condition]: ...
    def take_snapshot(self, now: float) -> Snapshot: ...


def show_status(
    console: Console, source: Source, *, as_json: bool = False, clock: Callable[[], float] = time.time
) -> int:
    """Print it once. Returns the exit status: 0 green, 1 amber, 2 red."""
    snapshot = source.take_snapshot(clock())
    lines = list_lines(snapshot, source.conditions)
    if as_json:
        print(json.dumps(describe_status(snapshot, lines), ensure_ascii=False))
    else:
        console.print(draw_status(snapshot, lines))
    return EXIT_CODES[get_overall(lines)]


def watch_status(
    console: Console,
    source: Source,
    *,
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], object] = time.sleep,
    times: int | None = None,
) -> None:
    """Print it every few seconds until Ctrl-C, or ``times`` times."""
    rounds = count() if times is None else range(times)
    try:
        with Live(console=console, auto_refresh=False, vertical_overflow="visible") as live:
            for number in rounds:
                if number:
                    wait(WATCH_SECONDS)
                snapshot = source.take_snapshot(clock())
                live.update(draw_status(snapshot, list_lines(snapshot, source.conditions)), refresh=True)
    except KeyboardInterrupt:
        return


def draw_status(snapshot: Snapshot, lines: Sequence[Line]) -> Group:
    overall = get_overall(lines)
    title = Text.assemble(
        f"{snapshot.env}, {format_timestamp(snapshot.now, 'seconds')}: ",
        (overall.name.lower(), f"bold {COLOURS[overall]}"),
    )
    parts: list[RenderableType] = [title]
    shown: set[str] = set()
    for line in lines:
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=STATE_WIDTH)
        row.add_column(width=NAME_WIDTH)
        row.add_column(overflow="fold")
        text = Text(line.text, style="dim" if line.state is State.OFF else "")
        row.add_row(Text(line.state.name.lower(), style=COLOURS[line.state]), line.name, text)
        parts.append(row)
        advice = [Text(f"→ {line.advice}", style=COLOURS[line.state])] if line.advice else []
        advice += [Text(f"{RUNBOOK}#{alarm}", style="dim", overflow="fold") for alarm in line.alarms]
        parts += [Padding(part, (0, 0, 0, STATE_WIDTH + 2)) for part in advice if part.plain not in shown]
        shown |= {part.plain for part in advice}
    return Group(*parts)
