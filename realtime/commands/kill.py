"""`kill` and `kill --undo`: turn a flag off for everybody, and on again as it was."""

import json

from rich.console import Console

from chalicelib.domain.definitions.model import Definitions, Evaluation
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.documents import build_row
from chalicelib.domain.publishing.kills import describe_kill
from chalicelib.services.admin import kills


def kill_flag(
    console: Console, definitions: Definitions, name: str, reason: str, author: Author, now: float
) -> None:
    """``name``: the flag's key or alias. Raises what the service raises."""
    killed = kills.kill_flag(definitions, name, reason, author, now)
    if killed.version is None:
        why = describe_kill(killed.kill) if killed.kill else "it is published with `enabled: false`"
        _show(console, f"{killed.key} is off already: {why}.")
        return
    answer = _describe_answer(killed.answer)
    _show(console, f"Killed {killed.key}, version {killed.version}. Everybody gets {answer}.")
    _show(console, "In force everywhere within 10 seconds.")
    _show(console, f"python -m realtime kill {killed.key} --undo turns it on again.")


def undo_kill(
    console: Console, definitions: Definitions, name: str, reason: str, author: Author, now: float
) -> None:
    """Publishes the flag with ``enabled`` as before the kill. Raises what the service raises."""
    revival = kills.find_revival(definitions, name, reason)
    note = ", ".join(filter(None, (revival.note, author.note)))
    row = build_row(revival.document)
    version = definitions.publish([row], revival.base, now, author.by, note)
    _show(console, f"{revival.key} is on again, version {version}. It was {describe_kill(revival.kill)}.")
    _show(console, "In force everywhere within 10 seconds.")


def _describe_answer(answer: Evaluation) -> str:
    if answer.variant is None:
        return "the caller's default"
    value = json.dumps(answer.value, ensure_ascii=False)
    return f"`{answer.variant}` ({value if len(value) <= 40 else value[:39] + '…'})"


def _show(console: Console, text: str) -> None:
    """As it is: reasons and keys are no markup."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
