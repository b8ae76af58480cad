"""Files of an archive on this machine, which an engine reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

Tell = Callable[[str], object]


class Days(NamedTuple):
    """UTC days of events, both included. None: no bound."""

    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """``raw``: objects of gzipped JSON Lines. ``compacted``: Parquet of whole days, in place of
    their objects.

    ``notes`` say what else lies there, for the user.
    """

    raw: Sequence[Path]
    compacted: Sequence[Path] = ()
    notes: Sequence[str] = ()


class Archive(Protocol):
    name: str
    """As it is shown: a URL or a path."""

    def fetch(self, days: Days, tell: Tell) -> Files:
        """What holds the events of ``days``, on this machine. Raises ArchiveError if there is no archive.

        ``tell`` shows how far a long copy is.
        """
        ...
