"""What each place that holds users can do: search, forget, export."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from realtime.user_data.lines import Action
from realtime.user_data.matching import Matcher
from realtime.user_data.people import Person

MAX_NOTES = 5


@dataclass(frozen=True, slots=True)
class Request:
    """Whose data, and what becomes of it. ``tell`` shows how far a long search is."""

    people: Sequence[Person]
    matcher: Matcher
    action: Action
    tell: Callable[[str], object] = lambda _: None


@dataclass(slots=True)
class Finding:
    """In one store: records of the users, records of others that name them, and what could not be searched.

    ``notes`` say what the operator has to do. They name no user.
    """

    own: int = 0
    mentions: int = 0
    unread: int = 0
    notes: list[str] = field(default_factory=list)

    def add(self, other: "Finding") -> None:
        self.own += other.own
        self.mentions += other.mentions
        self.unread += other.unread
        self.notes += [note for note in other.notes if note not in self.notes][: MAX_NOTES - len(self.notes)]

    @property
    def is_clean(self) -> bool:
        return not (self.own or self.mentions or self.unread)


class UserStore(Protocol):
    """A place that holds users. Each method raises StorageUnavailable or Throttled."""

    name: str
    """As the operator reads it."""

    def search(self, request: Request) -> Finding:
        """Changes nothing."""

    def forget(self, request: Request) -> Finding:
        """What was removed or got a pseudonym."""

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        """The users' records, by the name of the file for them."""


class Row(NamedTuple):
    """A record of a user, ready for JSON, and what forgets it."""

    record: Mapping[str, Any]
    forget: Callable[[], object]


class RowStore:
    """A `UserStore` of single rows: ``find`` reads those of the users."""

    def __init__(self, name: str, file: str, find: Callable[[Request], Iterator[Row]]) -> None:
        self.name = name
        self._file = file
        self._find = find

    def search(self, request: Request) -> Finding:
        return Finding(own=sum(1 for _ in self._find(request)))

    def forget(self, request: Request) -> Finding:
        finding = Finding()
        for row in self._find(request):
            row.forget()
            finding.own += 1
        return finding

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        return {self._file: (row.record for row in self._find(request))}
