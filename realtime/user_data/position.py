"""Where a run of `forget` stands, so that the next one continues: a file that names no user.

The file holds the salt of the pseudonyms. It stays until a run after the last event can have left the stream,
so that such an event gets the same pseudonym. Then it is deleted, and nobody can tell whose they are.
"""

import hashlib
import json
import os
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from realtime.user_data.people import Person
from realtime.user_data.pseudonyms import SALT_BYTES
from realtime.user_data.stores import Finding

FOLDER = Path(".realtime") / "forget"
SAVE_SECONDS = 1.0
_COST = 2**14
"""Of scrypt: trying out ids against a file takes 50 ms each."""


@dataclass(slots=True)
class Position:
    """``after`` is the last key that is done, by prefix. Times are epoch seconds.

    ``stream_until`` is when the stream no longer holds what it held at the end of the last complete run; 0 if
    there was none.
    """

    path: Path
    digest: str
    salt: str
    mode: str
    after: dict[str, str] = field(default_factory=dict)
    own: int = 0
    mentions: int = 0
    stream_until: float = 0.0
    _saved_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_interrupted(self) -> bool:
        return bool(self.after)

    def add(self, finding: Finding) -> None:
        """From any thread."""
        with self._lock:
            self.own += finding.own
            self.mentions += finding.mentions

    def advance(self, prefix: str, key: str) -> None:
        self.after[prefix] = key
        if time.monotonic() - self._saved_at >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        self._saved_at = time.monotonic()
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fields = {name: getattr(self, name) for name in _SAVED}
        partial = self.path.with_suffix(".new")
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(fields, file)
        partial.replace(self.path)

    def finish(self, found: int, now: float, stream_seconds: float) -> bool:
        """After a complete run that found ``found`` records. If it was the last, the file goes: True."""
        self.after, self.own, self.mentions = {}, 0, 0
        if found or not self.stream_until:
            self.stream_until = now + stream_seconds
        elif now >= self.stream_until:
            self.path.unlink(missing_ok=True)
            return True
        self.save()
        return False


_SAVED = ("digest", "salt", "mode", "after", "own", "mentions", "stream_until")


def open_position(folder: Path, people: Sequence[Person], mode: str, *, restart: bool = False) -> Position:
    """That of an earlier run for the same people, or a new one. Raises ValueError for one of another mode."""
    ids = "\0".join(sorted(person.user_id for person in people))
    for path in sorted(folder.glob("*.json")):
        position = Position(path, **json.loads(path.read_text()))
        if position.digest != _digest(ids, position.salt):
            continue
        if position.mode != mode:
            message = f"an earlier run for this user was to {position.mode}: do the same, or delete {path}"
            raise ValueError(message)
        if restart:
            position.after, position.own, position.mentions = {}, 0, 0
        return position
    salt = secrets.token_hex(SALT_BYTES)
    return Position(folder / f"{secrets.token_hex(8)}.json", _digest(ids, salt), salt, mode)


def _digest(ids: str, salt: str) -> str:
    return hashlib.scrypt(ids.encode(), salt=salt.encode(), n=_COST, r=8, p=1).hex()
