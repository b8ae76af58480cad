"""What clients get who evaluate in their own process. It is made once for each change, and kept."""

from collections.abc import Mapping
from typing import NamedTuple

import mmh3

from chalicelib.domain.definitions.client_document import encode_definitions, encode_document
from chalicelib.domain.definitions.model import Flag, Segment
from chalicelib.services.definitions.catalog import Catalog


class Encoded(NamedTuple):
    """``etag`` is of the definitions alone: a publication of experiments changes only the version."""

    body: str
    etag: str


class ClientDefinitions:
    """``window``: seconds within which the same answer is recorded once; None if none is recorded."""

    def __init__(self, catalog: Catalog, window: float | None) -> None:
        self._catalog = catalog
        self._window = window
        self._source: tuple[Mapping[str, Flag], Mapping[str, Segment]] | None = None
        self._lines = self._etag = ""
        self._made: tuple[int, Encoded] | None = None

    def get(self) -> Encoded:
        """Raises StorageUnavailable or Throttled if the definitions were never loaded."""
        flags, segments = self._catalog.flags, self._catalog.segments
        source = flags.get_all(), segments.get_all()
        if self._source is None or any(map(_is_other, source, self._source)):
            rows = [*flags.get_all_rows(), *segments.get_all_rows()]
            self._lines = encode_definitions(rows, flags.get_aliases())
            self._etag = f'"{mmh3.hash128(f"{self._window}{self._lines}".encode()):032x}"'
            self._source, self._made = source, None
        version, made = self._catalog.version, self._made
        if made is None or made[0] != version:
            encoded = Encoded(encode_document(version, self._window, self._lines), self._etag)
            self._made = made = version, encoded
        return made[1]


def _is_other(one: object, other: object) -> bool:
    """A mapping that was returned never changes: an update makes a new one."""
    return one is not other
