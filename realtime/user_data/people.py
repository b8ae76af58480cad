"""Whose data is meant: the ids that belong to each person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalicelib.domain.identity import Identities
from realtime.safe_reading.regular_files import read_regular

MAX_FILE_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Person:
    """``ids`` are all ids of this person, such as the one before signing in; ``ids[0]`` is the main one."""

    ids: tuple[str, ...]

    @property
    def user_id(self) -> str:
        return self.ids[0]


def list_people(users: Sequence[str], also_ids: Sequence[str], file: Path | None) -> list[Person]:
    """From the command line. ``also_ids`` are further ids of the only user.

    A line of ``file`` is a user; further ids of this user follow, separated by tabs. Raises ValueError.

    `add_linked_ids` adds those that were linked.
    """
    if bool(users) == (file is not None):
        raise ValueError("name either --user ID or --user-file FILE")
    if also_ids and len(users) != 1:
        raise ValueError("--also-id belongs to one --user; in a file, write all ids of a user in one line")
    rows = [(*users, *also_ids)] if file is None else list(_read_file(file))
    people = [Person(tuple(dict.fromkeys(ids))) for ids in rows]
    owners: dict[str, Person] = {}
    for person in people:
        for id_ in person.ids:
            if not id_.strip() or not id_.isprintable():
                raise ValueError("an id is empty, or has characters that no id can have")
            if owners.setdefault(id_, person) is not person:
                raise ValueError("an id belongs to two users: write all ids of a user in one line")
    return people


def add_linked_ids(people: Sequence[Person], identities: Identities) -> list[Person]:
    """With the ids that `identify` has linked to any of theirs; not those that another of ``people`` has."""
    named = {id_ for person in people for id_ in person.ids}
    _, links = identities.get_rows_and_links((), sorted(named))
    users = {id_: links[id_].user_id if id_ in links else id_ for id_ in named}
    anonymous_ids = identities.list_anonymous_ids(set(users.values()))
    by_user: dict[str, set[str]] = {user: {user} for user in users.values()}
    for id_, user in anonymous_ids.items():
        by_user[user].add(id_)
    complete = []
    for person in people:
        linked = {id_ for own in person.ids for id_ in by_user[users[own]]} - named
        named |= linked
        complete.append(Person((*person.ids, *sorted(linked))))
    return complete


def _read_file(file: Path) -> Iterator[tuple[str, ...]]:
    text = read_regular(file, MAX_FILE_BYTES, "split it").decode("utf-8-sig")
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    if not rows:
        raise ValueError(f"{file}: no user is in it")
    yield from (tuple(id_ for id_ in row if id_) for row in rows)


def map_ids(people: Sequence[Person]) -> Mapping[str, str]:
    """Each id → the main id of its person."""
    return {id_: person.user_id for person in people for id_ in person.ids}
