"""Where ids stand in an event, a definition or a text, and what takes their place. Pure.

Whose an event is, its `user_id` and `anonymous_id` say. Ids elsewhere are mentions. A short id, or a number,
stands in other users' data by chance: `8` is a quantity more often than a customer. So how far mentions are
followed depends on the id (`Mentions`).
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, get_args

import orjson
import re2

Mentions = Literal["own", "auto", "all"]
"""Where an id is looked for besides the fields that hold ids, in what belongs to others:

own: nowhere. all: in every text. auto: a whole text, unless the id is a number of less than 8 digits; within
a longer text, if the id has 8 characters or more."""
MENTIONS: tuple[Mentions, ...] = get_args(Mentions)
OWNER_FIELDS = ("user_id", "anonymous_id")
ID_FIELDS = frozenset({*OWNER_FIELDS, "unit"})
"""They hold ids at any depth."""
FIXED_FIELDS = frozenset(
    {
        *("event_type", "timestamp", "sent_at", "value", "currency"),
        *("experiment_key", "flag_key", "realtime"),
    }
)
"""Of an event: they hold no id of a user, whatever their text."""
LONG, UNMISTAKABLE = 8, 20
"""Characters from which an id is looked for within longer texts, and from which also within words."""
_MAX_MEMORY = 1 << 28

Replace = Callable[[str], str]
"""Gives what takes the place of an id."""


class Matcher:
    """Finds ``ids``."""

    def __init__(self, ids: Collection[str], mentions: Mentions = "auto") -> None:
        self.ids = frozenset(ids)
        self._exact = _select_exact(ids, mentions)
        self._numbers = frozenset(id_ for id_ in ids if id_.isdecimal() and len(id_) >= LONG)
        self._own = _compile_own(ids)
        self._unparsed = _compile_unparsed(ids)
        self._texts = _compile_texts(ids, mentions)
        self._needles = _compile_needles(ids)

    def may_hold(self, data: bytes) -> bool:
        """False only if no id is in ``data``, whichever way JSON escapes it."""
        return bool(self._needles.search(data)) or b"\\u" in data or b"\\/" in data

    def owns(self, event: Any) -> bool:
        return isinstance(event, dict) and any(
            isinstance(event.get(name), str) and event[name] in self.ids for name in OWNER_FIELDS
        )

    def is_in_text(self, text: str) -> bool:
        """Of a text that nobody can parse: whether an id is a word of it. A short number is no word, but may
        be the value of a field that holds ids."""
        return bool(self._unparsed.search(text))

    def replace_in_event(self, event: Mapping[str, Any], replace: Replace) -> dict[str, Any]:
        """A copy with every id replaced. In a user's own event also within any text that has it as a word."""
        pattern = self._own if self.owns(event) else self._texts
        return {
            name: self._replace(value, replace, None if name in FIXED_FIELDS else pattern, name)
            for name, value in event.items()
        }

    def replace_in_document(self, document: Any, replace: Replace) -> Any:
        """Of a definition: keys and texts that are an id. Ids of ``overrides`` are ids, however short."""
        return self._replace(document, replace, self._texts, "")

    def _replace(self, value: Any, replace: Replace, pattern: re.Pattern[str] | None, field: str) -> Any:
        """``pattern`` None: only in fields that hold ids."""
        if isinstance(value, dict):
            has_ids = field == "overrides"
            names = [self._replace_text(name, replace, pattern, has_ids) for name in value]
            parts = [self._replace(part, replace, pattern, name) for name, part in value.items()]
            return dict(zip(names, parts, strict=True))
        if isinstance(value, list):
            return [self._replace(part, replace, pattern, field) for part in value]
        if isinstance(value, str):
            return self._replace_text(value, replace, pattern, field in ID_FIELDS)
        if type(value) is int and pattern and str(value) in self._numbers:
            return replace(str(value)) if self._is_mention(str(value), pattern) else value
        return value

    def _replace_text(self, text: str, replace: Replace, pattern: re.Pattern[str] | None, is_id: bool) -> str:
        if text in self.ids and (is_id or (pattern is not None and self._is_mention(text, pattern))):
            return replace(text)
        return pattern.sub(lambda match: replace(match[0]), text) if pattern is not None else text

    def _is_mention(self, text: str, pattern: re.Pattern[str]) -> bool:
        return text in self._exact or pattern is self._own


def _select_exact(ids: Collection[str], mentions: Mentions) -> frozenset[str]:
    if mentions == "own":
        return frozenset()
    is_all = mentions == "all"
    return frozenset(id_ for id_ in ids if is_all or not id_.isdecimal() or len(id_) >= LONG)


def _compile_own(ids: Collection[str]) -> re.Pattern[str]:
    """As a word: neither a letter, a digit nor an underscore stands beside it."""
    return re.compile(rf"(?<!\w)(?:{_join(ids)})(?!\w)")


def _compile_unparsed(ids: Collection[str]) -> re.Pattern[str]:
    fields = rf"\"(?:{'|'.join(OWNER_FIELDS)})\"\s*:\s*\"(?:{_join(ids)})\""
    words = _select_exact(ids, "auto")
    return re.compile(rf"{fields}|{_compile_own(words).pattern}" if words else fields)


def _compile_texts(ids: Collection[str], mentions: Mentions) -> re.Pattern[str]:
    """As a word that is no part of a longer id: ``u-1`` is neither in ``u-12`` nor in ``u-1-2``."""
    shortest = {"own": None, "auto": LONG, "all": 1}[mentions]
    if shortest is None:
        return _NOTHING
    words = [id_ for id_ in ids if shortest <= len(id_) < UNMISTAKABLE]
    anywhere = [id_ for id_ in ids if len(id_) >= UNMISTAKABLE]
    parts = [rf"(?<!\w)(?<!\w[-.+@])(?:{_join(words)})(?![-.+@]?\w)"] if words else []
    parts += [_join(anywhere)] if anywhere else []
    return re.compile("|".join(parts)) if parts else _NOTHING


def _join(ids: Collection[str]) -> str:
    """The longest first: an id may begin with another one."""
    return "|".join(re.escape(id_) for id_ in sorted(ids, key=len, reverse=True))


def _compile_needles(ids: Collection[str]) -> Any:
    """Of RE2, since its time does not grow with the number of ids."""
    texts = {write(id_)[1:-1] for id_ in ids for write in (_write_plainly, _write_as_ascii)}
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.encoding = re2.Options.Encoding.LATIN1
    return re2.compile(b"|".join(re2.escape(text) for text in sorted(texts)), options)


def _write_plainly(text: str) -> bytes:
    return orjson.dumps(text)


def _write_as_ascii(text: str) -> bytes:
    return json.dumps(text).encode()


_NOTHING = re.compile(r"(?!)")
