"""Change the payload of one record."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

from chalicelib.domain.stream.event import Limits, Refusal, parse_event
from realtime.quarantine.interrupt import handle_interrupt
from realtime.quarantine.parts import list_parts
from realtime.safe_reading.strict_json import parse_json


def set_fields(payload: bytes, assignments: Sequence[str], removed: Sequence[str]) -> bytes:
    """``assignments`` are ``field=value``: JSON, or else a text. A path such as ``properties.price`` works.

    Raises ValueError for a payload that is no JSON object, and names a field that is not there.
    """
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise ValueError("the payload is not a JSON object: use --file or $EDITOR")  # noqa: TRY004 - a user's mistake
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or not name:
            raise ValueError(f"--set {assignment!r}: write field=value")
        parent, key = _find_parent(event, name, "--set")
        parent[key] = _parse_value(text)
    for name in removed:
        parent, key = _find_parent(event, name, "--unset")
        if key not in parent:
            raise ValueError(f"--unset {name}: the payload has no such field")
        del parent[key]
    return _dump(event)


def edit_in_editor(payload: bytes) -> bytes:
    """What $VISUAL or $EDITOR made of the payload, which it gets indented if it is a JSON object."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    text = format_payload(payload)
    is_formatted = text != payload
    with tempfile.TemporaryDirectory() as folder:  # readable by nobody else
        file = Path(folder) / "payload.json"
        file.write_bytes(text + b"\n" if is_formatted else text)
        try:
            with handle_interrupt(lambda _signal, _frame: None):  # the editor's own key
                subprocess.run([*command, str(file)], check=True)
        except (OSError, subprocess.CalledProcessError):
            message = f"{command[0]} failed, and nothing was sent: set EDITOR, or use --set or --file"
            raise ValueError(message) from None
        edited = file.read_bytes()
    if edited in (text, text + b"\n"):
        return payload
    try:
        return _dump(json.loads(edited))
    except (ValueError, RecursionError):
        return edited


def format_payload(payload: bytes) -> bytes:
    """Indented, if it is a JSON object or list; else as it is."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return payload
    if not isinstance(value, dict | list):
        return payload
    return json.dumps(value, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace")


def find_refusal(payload: bytes, arrived_at: float) -> Refusal | None:
    """Why no age of an event would make this one valid, by the rules of this version.

    Of a payload with several parts, the first refusal.
    """
    events = (parse_event(part, arrived_at, Limits(inf, inf)) for part in list_parts(payload))
    return next((event for event in events if isinstance(event, Refusal)), None)


def _find_parent(event: dict[str, Any], name: str, option: str) -> tuple[dict[str, Any], str]:
    """A field whose own name has dots comes before a path."""
    parent, key = event, name
    while key not in parent and "." in key:
        first, _, key = key.partition(".")
        inner = parent.setdefault(first, {}) if option == "--set" else parent.get(first)
        if not isinstance(inner, dict):
            raise ValueError(f"{option} {name}: {first} is no JSON object in the payload")  # noqa: TRY004 - as above
        parent = inner
    return parent, key


def _parse_value(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _dump(value: Any) -> bytes:
    """A lone surrogate stays an escape."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
