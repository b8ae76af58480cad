"""Turn a flag off for everybody, and on again as it was."""

import json
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.domain.announcements import Announce, announce_kill, tell_nobody
from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.model import DefinitionRow, Definitions, Evaluation
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.errors import Conflict, InvalidInput, NotFound
from chalicelib.domain.evaluation import evaluate
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.documents import Document, build_row, parse_document, parse_row
from chalicelib.domain.publishing.kills import NOTE, UNDO_NOTE, check_reason, find_kill, may_be_on
from chalicelib.domain.spelling import suggest
from chalicelib.services.admin.publishing import Plan, load_published, make_plan

ATTEMPTS = 10
"""Somebody else publishes at the same moment: a kill goes on top of it."""


@dataclass(frozen=True, slots=True)
class Killed:
    """``version`` is None if the flag was off already; then ``kill`` says by which kill, if it was one.

    ``warning``: why webhooks are not told.
    """

    key: str
    version: int | None
    answer: Evaluation
    kill: DefinitionRow | None = None
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Revival:
    """What turns a flag on again: ``document`` is to be published on top of ``base``."""

    key: str
    base: int
    document: Document
    kill: DefinitionRow
    note: str


def kill_flag(
    definitions: Definitions,
    name: str,
    reason: str,
    author: Author,
    now: float,
    announce: Announce = tell_nobody,
) -> Killed:
    """Publishes the flag with ``enabled: false``, also in its scheduled changes. ``name``: its key or alias.

    It asks the store for this flag alone and measures nothing, so that nothing else can stop it. Raises
    InvalidInput, NotFound, Conflict, StorageUnavailable or Throttled.
    """
    checked = check_reason(reason)
    note = ", ".join(filter(None, (NOTE + checked, author.note)))
    for attempt in range(ATTEMPTS):
        version = definitions.get_changes(None).version
        flag, row = _find_flag(definitions, name)
        if not may_be_on(flag):
            kill = find_kill(definitions.get_history("flag", flag.key))
            return Killed(flag.key, None, _answer_everybody(row, now), kill)
        off = _turn_off(row)
        try:
            version = definitions.publish([off], version, now, author.by, note)
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        warning = announce(announce_kill(version, author, checked, flag.key, now))
        return Killed(flag.key, version, _answer_everybody(off, now), warning=warning)
    raise AssertionError  # the last attempt returns or raises


def find_revival(definitions: Definitions, name: str, reason: str) -> Revival:
    """The flag with ``enabled`` as before its kill. What else was published since stays.

    Raises Conflict if no kill holds it off; InvalidInput, NotFound, StorageUnavailable or Throttled.
    """
    said = f"{UNDO_NOTE}: {check_reason(reason)}" if reason else UNDO_NOTE
    base = definitions.get_changes(None).version
    flag, row = _find_flag(definitions, name)
    if may_be_on(flag):
        raise Conflict("not_killed", f"{flag.key} is on.")
    history = definitions.get_history("flag", row.key)
    kill = find_kill(history)
    if kill is None:
        message = f"{flag.key} was not turned off by a kill: publish it with `enabled: true`."
        raise Conflict("not_killed", message)
    before = next(each for each in history if each.version < kill.version)
    return Revival(flag.key, base, _turn_on(row, before), kill, said)


def plan_revival(definitions: Definitions, revival: Revival, now: float) -> Plan:
    """What somebody else has published since ``revival`` was read makes it a conflict."""
    published = replace(load_published(definitions), version=revival.base)
    return make_plan(definitions, published, {("flag", revival.key): revival.document}, now)


def _find_flag(definitions: Definitions, name: str) -> tuple[FlagDocument, DefinitionRow]:
    row = definitions.get_many("flag", [name]).get(name)
    if row is None:
        rows = definitions.get_all("flag")
        row = next((each for each in rows.values() if _get_alias(each) == name), None)
        if row is None:
            raise NotFound("flag_not_found", f"There is no flag {name!r}{suggest(name, rows) or '.'}")
    document = parse_row(row)
    if isinstance(document, FlagDocument):
        return document, row
    message = f"{row.key} is not valid as it is stored: publish it with `enabled: false`."
    raise InvalidInput("invalid_definitions", message)


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


def _turn_on(row: DefinitionRow, before: DefinitionRow) -> Document:
    """``enabled`` is written where it was, so that the files of this flag show no difference."""
    data, past = json.loads(row.text), json.loads(before.text)
    del data["enabled"]
    changes, past_changes = _list_changes(data), _list_changes(past)
    pairs = [(data, past), *((changes[at], past_changes[at]) for at in changes.keys() & past_changes.keys())]
    for fields, past_fields in pairs:
        if "enabled" in past_fields:
            fields["enabled"] = past_fields["enabled"]
    return parse_document("flag", data)


def _list_changes(data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields that each scheduled change sets, by its time."""
    return {change["at"]: change["set"] for change in data.get("changes", ())}


def _answer_everybody(row: DefinitionRow, now: float) -> Evaluation:
    """Of a flag that is off: nobody is asked for."""
    return evaluate(load_flag(row.text), None, {}, now, lambda _key: None)
