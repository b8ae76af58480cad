"""`make run`: the whole service on this machine, with the demo, until Ctrl-C."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from chalicelib.settings import Settings
from realtime.commands.replay import forget
from realtime.demo.run import EXPERIMENTS, run_demo
from realtime.local.background import flush_after_responses
from realtime.local.ports import find_free_port, read_port
from realtime.local.stack import LocalStack

REFRESH_SECONDS = 2.0


class Stopped(BaseException):
    """Ctrl-C or SIGTERM: everything that was started is stopped on the way out."""


def run(console: Console, full: bool, demo: bool) -> None:
    """Blocks until Ctrl-C or SIGTERM; LocalError if a port is taken."""
    port, aws_port = read_port("PORT", 8000), read_port("AWS_PORT", 4566)
    find_free_port(port)
    find_free_port(aws_port)
    os.environ["REALTIME_ENV"] = "local"
    settings = Settings.from_env()
    stop = threading.Event()
    try:
        with _stopping_on_signals(stop), LocalStack(settings, aws_port=aws_port) as stack:
            console.print(f"Local AWS on {stack.environment['AWS_ENDPOINT_URL']}: {stack.provisioned}.")
            _serve(console, stack, settings, port, full, demo, stop)
    except Stopped:
        pass
    console.print("Stopped; nothing is left running.")


def _serve(
    console: Console,
    stack: LocalStack,
    settings: Settings,
    port: int,
    full: bool,
    demo: bool,
    stop: threading.Event,
) -> None:
    import app as service
    from chalicelib.wiring import plane

    forget()  # where replays of an earlier stack had got to
    stack.pump({"event_processor": service.event_processor, "assignment_sync": service.assignment_sync})
    with flush_after_responses(plane().tracker.flush) as after_response:
        url = stack.serve(service.app, port, after_response=after_response)
        console.print(f"API on [b]{url}[/b], key [b]{settings.demo_key}[/b]")
        if demo:
            run_demo(console, plane(), url, settings.demo_key, full)
            stack.drain(600)
        console.print(_guide(url, settings.demo_key), soft_wrap=True, highlight=False)
        _watch(console, plane(), stop)


def _watch(console: Console, plane: Any, stop: threading.Event) -> None:
    """The live summary; without a terminal, once."""
    if not console.is_terminal:
        console.print(summary(plane))
        console.print("Ctrl-C stops everything.")
        stop.wait()
        return
    with Live(summary(plane), console=console, refresh_per_second=1) as live:
        while not stop.wait(REFRESH_SECONDS):
            live.update(Group(summary(plane), "Ctrl-C stops everything."))


def summary(plane: Any) -> Table:
    table = Table("experiment", "variant", "assigned", "purchases", "value", title="Results so far")
    for key in EXPERIMENTS:
        experiment = plane.catalog.experiment(key)
        if experiment is None:
            continue
        for variant, counted in plane.results(key)["variants"].items():
            purchases = counted["events"].get("purchase", {"count": 0, "sum": 0})
            assigned, count = f"{counted['assigned']:,}", f"{purchases['count']:,}"
            table.add_row(key, variant, assigned, count, f"{float(purchases['sum']):,.2f}")
    return table


def _guide(url: str, key: str) -> str:
    return f"""
Try it:
  curl {url}/health
  curl -H 'Authorization: Bearer {key}' '{url}/assign?user_id=you&experiment_key=cdnow-aa'
  curl -H 'Authorization: Bearer {key}' '{url}/flags/evaluate?user_id=you&flag_key=new-checkout'
  {_elsewhere()}.venv/bin/python -m realtime results cdnow-free-shipping
"""


def _elsewhere() -> str:
    """What the other commands must be told to find this stack."""
    port = read_port("AWS_PORT", 4566)
    return "" if port == 4566 else f"AWS_PORT={port} "


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    """The first signal unwinds the stack; later ones are ignored, so that what was started gets stopped."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            raise Stopped

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
