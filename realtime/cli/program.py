"""What all commands share: the program, its console, the services, and how options are read."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from chalicelib.domain.errors import RealtimeError, StorageUnavailable

if TYPE_CHECKING:
    from datetime import date

    from rich.console import Console

    from chalicelib.wiring import Plane

    console: Console
PROGRAM = "python -m realtime"
SCRIPT = "realtime"
"""The program's short name in the environment's folder ``bin``, which shells can complete."""
COMPLETE = "_REALTIME_COMPLETE"


def __getattr__(name: str) -> Any:
    """``console``, made when a command first prints: `--help` and completion go without rich."""
    if name != "console":
        raise AttributeError(name)
    return get_console()


def get_console() -> "Console":
    from rich.console import Console

    found: Console = globals().setdefault("console", Console())
    return found


def make_app(text: str = "") -> typer.Typer:
    """Commands with plain help, which takes a third of the time that rich takes. ``text`` is of a group."""
    options: dict[str, Any] = {"help": text} if text else {}
    return typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        **options,
    )


class UsageError(Exception):
    """A mistake in the command line or in a file, with one line for the user."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def show_warning(text: str) -> None:
    get_console().print(text, style="yellow", highlight=False, markup=False, emoji=False, soft_wrap=True)


def describe_store_error(error: Any) -> str:
    from realtime.store_errors import describe_store_error

    return describe_store_error(error)


def is_local() -> bool:
    return (os.environ.get("REALTIME_ENV") or "local") == "local"


def plane() -> "Plane":
    """The services on the AWS that the environment names; by default on the local stack."""
    from chalicelib.wiring import plane as get_plane
    from realtime.local.emulator import build_environment
    from realtime.local.ports import HOST, read_port
    from realtime.postgres.connection import name_postgres

    logging.getLogger("realtime").addHandler(logging.NullHandler())  # the error itself is shown
    if is_local() and "AWS_ENDPOINT_URL" not in os.environ:
        os.environ.update(build_environment(f"http://{HOST}:{read_port('AWS_PORT', 4566)}"))
    name_postgres(read_port("AWS_PORT", 4566) if is_local() else None)
    os.environ.setdefault("REALTIME_READ_TIMEOUT", "5")  # a command can wait longer than a request
    return get_plane()


def read_time(text: str, option: str) -> float:
    """Epoch seconds; now, if it is empty."""
    from chalicelib.domain.timestamps import parse_timestamp

    try:
        return parse_timestamp(text) if text else time.time()
    except (ValueError, RealtimeError):
        raise UsageError(f"{option}: {text!r} must be a time such as 2026-11-27T08:00:00Z", 2) from None


def parse_day(text: str, option: str) -> "date | None":
    from datetime import date

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{option}: {text!r} must be a day such as 2026-11-01") from None


@contextmanager
def exiting(status: int) -> Iterator[None]:
    """What a command cannot read ends it with this status."""
    try:
        yield
    except StorageUnavailable as error:
        raise UsageError(describe_store_error(error), status) from None
    except OSError as error:
        raise UsageError(describe_system_error(error), status) from None
    except ValueError as error:
        raise UsageError(str(error), status) from None


def describe_system_error(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def read_pairs(option: str, form: str, written: list[str]) -> dict[str, str]:
    pairs = {}
    for text in written:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageError(f"{option} {text}: must be {form}", 2)
        pairs[name] = value
    return pairs


def parse_json_object(text: str, option: str) -> dict[str, Any]:
    from realtime.safe_reading.strict_json import parse_json

    try:
        value = parse_json(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{option} must be a JSON object")
    return value
