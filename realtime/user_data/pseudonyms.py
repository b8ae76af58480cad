"""Pseudonyms: one way, by a secret salt. Pure.

They have the form of a UUID, so that they fit a column of PostgreSQL of that type. Without the salt nobody
can tell whose they are. An assignment id, or the id of a tracked event, is a plain hash of the user's id,
which anybody can compute again: these are replaced as well.
"""

import hashlib
import hmac
import uuid
from collections.abc import Mapping

SALT_BYTES = 32


class Pseudonyms:
    """``people``: each id → the main id of its person. All ids of a person become one pseudonym."""

    def __init__(self, salt: bytes, people: Mapping[str, str]) -> None:
        self._salt = salt
        self._people = people

    def get_user(self, id_: str) -> str:
        return self.hide("user", self._people[id_])

    def hide(self, kind: str, text: str) -> str:
        """Equal texts of a kind have an equal pseudonym."""
        digest = hmac.new(self._salt, f"{kind}\0{text}".encode(), hashlib.sha256).digest()
        return str(uuid.UUID(bytes=digest[:16], version=4))
