"""`explain`: show a decision and every step that led to it."""

import json
import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from chalicelib.admin.rendering import render_explained
from chalicelib.domain.explanation.form import Step
from chalicelib.services.admin.explain import Explained

_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def show_explanation(console: Console, explained: Explained) -> None:
    """Raises what a request would get in place of an answer, after the steps."""
    if explained.linked_to is not None:
        note = f"This id is linked to the user {explained.linked_to}, and is answered as that user is."
        console.print(_to_text(note))
    _print_steps(console, explained.steps)
    if explained.refused is not None:
        raise explained.refused
    _print_answer(console, explained.variant, explained.reason, explained.value)


def print_explanation(name: tuple[str, str], user_id: str, explained: Explained) -> None:
    """As JSON; ``name`` is a kind and a key. ``error`` is what a request would get in place of an answer."""
    print(json.dumps(render_explained(*name, user_id, explained), ensure_ascii=False))


def _print_steps(console: Console, steps: Iterable[Step]) -> None:
    table = Table(*(Column(name, overflow="fold") for name in ("step", "result")))
    for step in steps:
        table.add_row(_to_text(step.name), _to_text(step.result))
    console.print(table)


def _to_text(text: str) -> Text:
    """Definitions are data: no markup, no control characters, no lone surrogates."""
    printable = text.encode(errors="backslashreplace").decode()
    return Text(_CONTROL_CHARACTERS.sub(lambda match: f"\\x{ord(match[0]):02x}", printable))


def _print_answer(console: Console, variant: str | None, reason: str, value: Any) -> None:
    shown = escape(variant or "no variant")
    console.print(f"[b]{shown}[/b]  because  [b]{reason}[/b]", highlight=False)
    if value is not None:
        console.print(f"value  {json.dumps(value)}", highlight=False, markup=False)
