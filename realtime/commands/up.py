"""`up`: run the whole service on this machine, with the demo, until Ctrl-C."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from chalicelib.domain.event_types import EXPOSURE
from chalicelib.settings import Settings
from realtime.commands.demo import run_demo
from realtime.commands.import_position import POSITIONS as IMPORT_POSITIONS
from realtime.commands.replay_position import delete_positions
from realtime.commands.snapshot_file import publish_snapshot
from realtime.commands.up_postgres import start_wanted, use_postgres
from realtime.local.background import flush_after_responses
from realtime.local.heartbeat import LocalHeartbeat, keep_beating
from realtime.local.kept_state import FOLDER, open_state
from realtime.local.ports import find_free_port, read_port
from realtime.local.stack import LocalStack

if TYPE_CHECKING:
    from chalicelib.domain.definitions.snapshot import Snapshot
    from chalicelib.wiring import Plane
    from realtime.local.front import Front

REFRESH_SECONDS = 2.0
FLUSH_SECONDS = 3.0
"""That sending decisions after a response may take."""


READY = "Ctrl-C stops everything."
GONE = "What is in it is gone then: `backup --to FILE` keeps definitions and their history, `up --keep` all."
KEPT = "What is in it is kept: the next `up --keep` goes on with it."
NEXT = "These are live counts. Which variant won? `analyze EXPERIMENT` says it."


class StopSignal(BaseException):
    """Ctrl-C or SIGTERM. It unwinds the stack, which stops everything that was started."""


def run_stack(
    console: Console,
    full: bool,
    demo: bool,
    postgres: bool,
    front: "Front",
    snapshot: "Snapshot | None" = None,
    keep: bool = False,
) -> None:
    """Block until Ctrl-C or SIGTERM; LocalError if a port is taken. ``snapshot`` is what is published.

    ``keep``: go on with what the last run with it has left.
    """
    port, aws_port = read_port("PORT", 8000), read_port("AWS_PORT", 4566)
    find_free_port(port)
    find_free_port(aws_port)
    os.environ["REALTIME_ENV"] = "local"
    settings = Settings.from_env()
    is_stopping = threading.Event()
    try:
        with (
            _stop_on_signals(is_stopping),
            start_wanted(postgres) as starting,
            LocalStack(settings, aws_port=aws_port, state=_open_state(console, keep)) as stack,
        ):
            console.print(f"Local AWS on {stack.environment['AWS_ENDPOINT_URL']}: {stack.provisioned}.")
            with use_postgres(console, starting.result(), aws_port):
                _serve(console, stack, settings, port, front, full, demo, snapshot, is_stopping, keep)
    except StopSignal:
        pass
    console.print("Stopped; nothing is left running.")


def _serve(
    console: Console,
    stack: LocalStack,
    settings: Settings,
    port: int,
    front: "Front",
    full: bool,
    demo: bool,
    snapshot: "Snapshot | None",
    is_stopping: threading.Event,
    keep: bool,
) -> None:
    import app as service
    from chalicelib.wiring import plane

    if not stack.provisioned.existing:
        delete_positions()  # of replays and imports into an earlier stack
        delete_positions(IMPORT_POSITIONS)
    plane().metrics = stack.report_metrics()
    if snapshot is not None:
        publish_snapshot(console, plane().definitions, snapshot)
    stack.pump(
        {
            "event_processor": service.event_processor,
            "assignment_sync": service.assignment_sync,
            "webhooks": service.webhooks,
        }
    )
    heartbeat = LocalHeartbeat(plane(), stack.clients.dynamodb, stack.clients.s3)
    with (
        flush_after_responses(lambda: plane().after_response(FLUSH_SECONDS)) as after_response,
        keep_beating(heartbeat),
    ):
        url = stack.serve(service.app, port, after_response=after_response, front=front)
        console.print(f"API on [b]{url}[/b], key [b]{settings.demo_key}[/b]")
        console.print(f"Console on [b]{url}/console[/b]: that key opens it by itself")
        if demo and not stack.provisioned.existing:
            run_demo(console, plane(), url, settings.demo_key, full)
            stack.drain(600)
        guide = _format_guide(url, settings.demo_key, has_demo=demo, has_snapshot=snapshot is not None)
        console.print(guide, soft_wrap=True, highlight=False)
        _show_results(console, plane(), is_stopping, KEPT if keep else GONE)


def _open_state(console: Console, keep: bool) -> Path | None:
    if keep and not open_state(FOLDER):
        console.print("The last run with --keep was killed, so nothing of it is left: this one begins anew.")
    return FOLDER if keep else None


def _show_results(console: Console, plane: "Plane", is_stopping: threading.Event, then: str) -> None:
    """Show the results live; without a terminal, print them once. ``then`` says what a stop leaves."""
    end = f"{READY} {then}"
    if not console.is_terminal:
        if (results := _summarize_results(plane)).row_count:
            console.print(results)
        console.print(end, soft_wrap=True, highlight=False)
        is_stopping.wait()
        return
    with Live(console=console, refresh_per_second=1) as live:
        while True:
            results = _summarize_results(plane)
            live.update(Group(results, NEXT, end) if results.row_count else Group(end))
            if is_stopping.wait(REFRESH_SECONDS):
                return


def _summarize_results(plane: "Plane") -> Table:
    """Of all experiments that anybody was assigned to: events that they count, but for exposures."""
    table = Table(title="Results so far")
    for name in ("experiment", "variant"):
        table.add_column(name, overflow="fold")
    for name in ("assigned", "conversions", "value"):
        table.add_column(name, justify="right", no_wrap=True)
    for key in sorted(plane.catalog.experiments.get_listed()):
        for variant, totals in plane.results(key)["variants"].items():
            events = [each for name, each in totals["events"].items() if name != EXPOSURE]
            count, value = sum(each["count"] for each in events), sum(float(each["sum"]) for each in events)
            if totals["assigned"]:
                table.add_row(key, variant, f"{totals['assigned']:,}", f"{count:,}", f"{value:,.2f}")
    return table


def _format_guide(url: str, key: str, *, has_demo: bool, has_snapshot: bool) -> str:
    """What to do next, with what is there."""
    command = f"  {_format_variables()}.venv/bin/python -m realtime"
    curl = f"  curl -H 'Authorization: Bearer {key}' '{url}"
    lines = ["", "Try it:", f"  curl {url}/health"]
    if has_demo:
        lines += [
            f"{curl}/assign?user_id=you&experiment_key=cdnow-aa'",
            f"{curl}/flags/evaluate?user_id=you&flag_key=new-checkout'",
            f"{command} results cdnow-free-shipping",
            f"{command} analyze cdnow-reminder",
        ]
    elif has_snapshot:
        lines += [f"{command} flags", f"{command} experiments"]
    else:
        lines += [
            "Nothing is published yet. Write definitions into a file, then:",
            f"{command} validate FILE.yaml",
            f"{command} publish FILE.yaml",
        ]
    return "\n".join([*lines, ""])


def _format_variables() -> str:
    """Environment variables that other commands need to find this stack."""
    port = read_port("AWS_PORT", 4566)
    return "" if port == 4566 else f"AWS_PORT={port} "


@contextmanager
def _stop_on_signals(is_stopping: threading.Event) -> Iterator[None]:
    """The first signal unwinds the stack. Later ones are ignored, so that they do not interrupt that."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if not is_stopping.is_set():
            is_stopping.set()
            raise StopSignal

    previous_handlers = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)
