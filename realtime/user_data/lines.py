"""JSON Lines without a user: a user's own lines go or get a pseudonym, mentions are replaced. Pure.

Every other line stays as it is, byte for byte.
"""

import base64
import binascii
from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from realtime.user_data.matching import Matcher
from realtime.user_data.pseudonyms import Pseudonyms

FORGOTTEN = "$forgotten"
"""In place of an id in somebody else's event, after the user's own data is removed."""


class Action(NamedTuple):
    """``pseudonyms`` None removes a user's own lines; with them, these lines only lose the fields
    ``drop``."""

    pseudonyms: Pseudonyms | None
    drop: Collection[str] = ()

    def replace(self, id_: str) -> str:
        return FORGOTTEN if self.pseudonyms is None else self.pseudonyms.get_user(id_)


class Rewritten(NamedTuple):
    """``own`` counts lines of the users, which ``lines`` are; ``mentions`` those of others that name one."""

    body: bytes
    own: int
    mentions: int
    lines: list[bytes]

    @property
    def has_users(self) -> bool:
        return self.own + self.mentions > 0


def rewrite_lines(body: bytes, matcher: Matcher, action: Action) -> Rewritten:
    lines = body.split(b"\n")
    kept: list[bytes] = []
    own_lines: list[bytes] = []
    mentions = 0
    for line in lines:
        new_line = rewrite_line(line, matcher, action) if _may_hold(line, matcher) else (line, False)
        if new_line[1]:
            own_lines.append(line)
        elif new_line[0] is not line:
            mentions += 1
        if new_line[0] is not None:
            kept.append(new_line[0])
    return Rewritten(b"\n".join(kept), len(own_lines), mentions, own_lines)


def rewrite_line(line: bytes, matcher: Matcher, action: Action) -> tuple[bytes | None, bool]:
    """What takes the place of ``line``, None for nothing and the same object if it stays; whether it is own.

    What cannot be parsed, or was refused by Firehose, is taken out whole if it names a user.
    """
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        is_named = matcher.is_in_text(line.decode("utf-8", "replace"))
        return (None, True) if is_named else (line, False)
    if not isinstance(event, dict):
        return line, False
    if isinstance(event.get("rawData"), str):
        return (None, True) if holds_user(_decode(event["rawData"]), matcher) else (line, False)
    if not matcher.owns(event):
        changed = matcher.replace_in_event(event, action.replace)
        return (line, False) if changed == event else (orjson.dumps(changed), False)
    if action.pseudonyms is None:
        return None, True
    return orjson.dumps(_pseudonymise(event, matcher, action)), True


def holds_user(payload: bytes, matcher: Matcher) -> bool:
    """Whether a payload that may be no event names a user: by the rules for events, or as a word."""
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError:
        event = None
    if not isinstance(event, dict):
        return matcher.is_in_text(payload.decode("utf-8", "replace"))
    return matcher.owns(event) or matcher.replace_in_event(event, lambda _: FORGOTTEN) != event


def _pseudonymise(event: dict[str, Any], matcher: Matcher, action: Action) -> dict[str, Any]:
    assert action.pseudonyms is not None  # noqa: S101 - for the type checker
    hide = action.pseudonyms.hide
    changed = {
        name: value
        for name, value in matcher.replace_in_event(event, action.replace).items()
        if name not in action.drop
    }
    if isinstance(event.get("event_id"), str):
        changed["event_id"] = hide("event", event["event_id"])
    properties = changed.get("properties")
    if isinstance(properties, dict) and isinstance(properties.get("assignment_id"), str):
        hidden = hide("assignment", properties["assignment_id"])
        changed["properties"] = properties | {"assignment_id": hidden}
    return changed


def _may_hold(line: bytes, matcher: Matcher) -> bool:
    return matcher.may_hold(line) or b'"rawData"' in line


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return text.encode()
