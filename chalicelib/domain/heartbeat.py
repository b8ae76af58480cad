"""What the heartbeat (realtime/heartbeat.py) may ask for: a flag and a key that are in no table.

So they are in no list, no bulk answer and no result of anybody, and a table without rows has them, too.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalicelib.domain.keys import Access, digest

if TYPE_CHECKING:
    from chalicelib.domain.definitions.model import Flag

FLAG = "realtime.heartbeat"
_KEY_ID = digest("rt_health")


@cache
def _load() -> Flag:
    from chalicelib.domain.definitions.compiler import load_flag  # the authorizer needs none of it

    return load_flag(f'{{"key": "{FLAG}", "type": "boolean"}}')


def find_flag(key: str) -> Flag | None:
    """The flag of the heartbeat under its key, for callers that found no other."""
    return _load() if key == FLAG else None


def find_access(key_id: str) -> Access | None:
    """What the key of the heartbeat opens: what is open to everybody."""
    return Access("health", ("/health",)) if key_id == _KEY_ID else None
