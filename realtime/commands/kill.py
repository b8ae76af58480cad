"""`kill` and `kill --undo`: turn a flag off for everybody, and on again as it was."""

import json

from rich.console import Console

from chalicelib.domain.announcements import Announce, tell_nobody
from chalicelib.domain.definitions.model import Definitions, Evaluation
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.kills import describe_kill
from chalicelib.services.admin import kills
from realtime.commands.publish import AT_ONCE, Submission, print_submitted


def kill_flag(
    console: Console,
    definitions: Definitions,
    name: str,
    reason: str,
    author: Author,
    now: float,
    announce: Announce = tell_nobody,
) -> None:
    """``name``: the flag's key or alias. Raises what the service raises."""
    killed = kills.kill_flag(definitions, name, reason, author, now, announce)
    if killed.version is None:
        why = describe_kill(killed.kill) if killed.kill else "it is published with `enabled: false`"
        _show(console, f"{killed.key} is off already: {why}.")
        return
    answer = _describe_answer(killed.answer)
    _show(console, f"Killed {killed.key}, version {killed.version}. Everybody gets {answer}.")
    _show(console, "In force everywhere within 10 seconds.")
    _show(console, f"python -m realtime kill {killed.key} --undo turns it on again.")
    if killed.warning:
        _show(console, killed.warning)


def undo_kill(
    console: Console,
    definitions: Definitions,
    name: str,
    reason: str,
    author: Author,
    now: float,
    submission: Submission = AT_ONCE,
) -> None:
    """Publishes the flag with ``enabled`` as before the kill. Raises what the service raises."""
    revival = kills.find_revival(definitions, name, reason)
    plan = kills.plan_revival(definitions, revival, now)
    note = ", ".join(filter(None, (revival.note, author.note)))
    submitted = submission.submit(plan, author._replace(note=note))
    if isinstance(submitted, int):
        _show(
            console, f"{revival.key} is on again, version {submitted}. It was {describe_kill(revival.kill)}."
        )
        _show(console, "In force everywhere within 10 seconds.")
    else:
        print_submitted(console, submitted)


def _describe_answer(answer: Evaluation) -> str:
    if answer.variant is None:
        return "the caller's default"
    value = json.dumps(answer.value, ensure_ascii=False)
    return f"`{answer.variant}` ({value if len(value) <= 40 else value[:39] + '…'})"


def _show(console: Console, text: str) -> None:
    """As it is: reasons and keys are no markup."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
