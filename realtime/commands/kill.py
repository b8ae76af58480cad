"""`kill` and `kill --undo`: turn a flag off for everybody, and on again as it was."""

import json
from typing import Any

from rich.console import Console

from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.errors import Conflict
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.publishing.documents import build_row, parse_document, parse_row
from chalicelib.domain.publishing.kills import (
    NOTE,
    UNDO_NOTE,
    check_reason,
    describe_kill,
    find_kill,
    may_be_on,
)
from chalicelib.domain.spelling import suggest
from realtime.commands.publisher import PublisherName

ATTEMPTS = 10
"""Somebody else publishes at the same moment: a kill goes on top of it."""


def kill_flag(
    console: Console, definitions: Definitions, name: str, reason: str, publisher: PublisherName, now: float
) -> None:
    """Publishes the flag with ``enabled: false``, also in its scheduled changes. ``name``: its key or alias.

    It asks the store for this flag alone and measures nothing, so that nothing else can stop it. Raises
    ValueError, Conflict, StorageUnavailable or Throttled.
    """
    note = ", ".join(filter(None, (NOTE + check_reason(reason), publisher.note)))
    for attempt in range(ATTEMPTS):
        version = definitions.get_changes(None).version
        flag, row = _find_flag(definitions, name)
        if not may_be_on(flag):
            _show(console, f"{flag.key} is off already: {_describe_off(definitions, flag.key)}.")
            return
        try:
            off = _turn_off(row)
            version = definitions.publish([off], version, now, publisher.by, note)
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        _show(console, f"Killed {flag.key}, version {version}. Everybody gets {_describe_answer(off, now)}.")
        _show(console, "In force everywhere within 10 seconds.")
        _show(console, f"python -m realtime kill {flag.key} --undo turns it on again.")
        return


def undo_kill(
    console: Console, definitions: Definitions, name: str, reason: str, publisher: PublisherName, now: float
) -> None:
    """Publishes the flag with ``enabled`` as before the kill. What else was published since stays.

    Raises ValueError if no kill holds it off; Conflict, StorageUnavailable or Throttled.
    """
    said = f"{UNDO_NOTE}: {check_reason(reason)}" if reason else UNDO_NOTE
    version = definitions.get_changes(None).version
    flag, row = _find_flag(definitions, name)
    if may_be_on(flag):
        raise ValueError(f"{flag.key} is on")
    history = definitions.get_history("flag", row.key)
    kill = find_kill(history)
    if kill is None:
        raise ValueError(f"{flag.key} was not turned off by a kill: publish it with `enabled: true`")
    note = ", ".join(filter(None, (said, publisher.note)))
    on = _turn_on(row, next(each for each in history if each.version < kill.version))
    version = definitions.publish([on], version, now, publisher.by, note)
    _show(console, f"{flag.key} is on again, version {version}. It was {describe_kill(kill)}.")
    _show(console, "In force everywhere within 10 seconds.")


def _find_flag(definitions: Definitions, name: str) -> tuple[FlagDocument, DefinitionRow]:
    row = definitions.get_many("flag", [name]).get(name)
    if row is None:
        rows = definitions.get_all("flag")
        row = next((each for each in rows.values() if _get_alias(each) == name), None)
        if row is None:
            raise ValueError(f"there is no flag {name!r}{suggest(name, rows)}")
    document = parse_row(row)
    if isinstance(document, FlagDocument):
        return document, row
    raise ValueError(f"{row.key} is not valid as it is stored: publish it with `enabled: false`")


def _get_alias(row: DefinitionRow) -> str | None:
    document = parse_row(row)
    return document.alias if isinstance(document, FlagDocument) else None


def _turn_off(row: DefinitionRow) -> DefinitionRow:
    """No scheduled change turns it on again."""
    data = json.loads(row.text)
    for fields in (data, *_list_changes(data).values()):
        if fields is data or "enabled" in fields:
            fields["enabled"] = False
    return build_row(parse_document("flag", data))


def _turn_on(row: DefinitionRow, before: DefinitionRow) -> DefinitionRow:
    """``enabled`` is written where it was, so that the files of this flag show no difference."""
    data, past = json.loads(row.text), json.loads(before.text)
    del data["enabled"]
    changes, past_changes = _list_changes(data), _list_changes(past)
    pairs = [(data, past), *((changes[at], past_changes[at]) for at in changes.keys() & past_changes.keys())]
    for fields, past_fields in pairs:
        if "enabled" in past_fields:
            fields["enabled"] = past_fields["enabled"]
    return build_row(parse_document("flag", data))


def _list_changes(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields that each scheduled change sets, by its time."""
    return {change["at"]: change["set"] for change in data.get("changes", ())}


def _describe_off(definitions: Definitions, key: str) -> str:
    kill = find_kill(definitions.get_history("flag", key))
    return describe_kill(kill) if kill else "it is published with `enabled: false`"


def _describe_answer(row: DefinitionRow, now: float) -> str:
    """Of a flag that is off: nobody is asked for."""
    answer = evaluate(load_flag(row.text), None, {}, now, lambda _key: None)
    if answer.variant is None:
        return "the caller's default"
    value = json.dumps(answer.value, ensure_ascii=False)
    return f"`{answer.variant}` ({value if len(value) <= 40 else value[:39] + '…'})"


def _show(console: Console, text: str) -> None:
    """As it is: reasons and keys are no markup."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
