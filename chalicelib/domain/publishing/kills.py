"""Kills in the history of a flag: by which publication it is off, and why."""

from collections.abc import Sequence

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.errors import InvalidInput

NOTE, UNDO_NOTE = "kill: ", "kill undone"
MAX_REASON = 500


def check_reason(reason: str) -> str:
    """Without blanks around it. Raises InvalidInput."""
    text = " ".join(reason.split())
    if not text:
        message = "Say why, for those who find the flag off: `reason` is empty."
        raise InvalidInput("reason_missing", message)
    if len(text) > MAX_REASON:
        message = f"`reason` has {len(text)} characters, at most {MAX_REASON} are kept."
        raise InvalidInput("reason_too_long", message)
    return text


def may_be_on(flag: FlagDocument) -> bool:
    """Now, or by a change that it has scheduled."""
    return flag.enabled or any(change.set.get("enabled") for change in flag.changes)


def find_kill(history: Sequence[DefinitionRow]) -> DefinitionRow | None:
    """The kill by which the flag is off now; None if it is on, or was turned off otherwise.

    ``history`` is newest first. What was published since, and left it off, is no undo.
    """
    for row in history:
        if row.status != "inactive":
            return None
        if row.published_note.startswith(NOTE):
            return row
    return None


def describe_kill(kill: DefinitionRow) -> str:
    reason = kill.published_note.removeprefix(NOTE)
    return f"killed at {kill.published_at} by {kill.published_by}: {reason}"
