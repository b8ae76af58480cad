"""Anonymous ids and the signed-in users that they belong to. Pure.

A linked id is answered, and its events count, as its user. docs/identity.md has every order of the calls.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

from chalicelib.domain.assignment import Assignments, is_valid, make_assignment_id
from chalicelib.domain.context import check_user_id
from chalicelib.domain.definitions.model import HELD_OUT, Assignment, Experiment
from chalicelib.domain.errors import Conflict, InvalidInput, Problem
from chalicelib.domain.timestamps import format_timestamp

IDENTIFY = "$identify"
"""The type of the event that links ``properties.anonymous_id`` to its ``user_id``."""
Pairs = Collection[tuple[str, str]]
"""Experiment id and user id: rows."""
Rows = Mapping[tuple[str, str], Assignment]


class Link(NamedTuple):
    """That of an anonymous id names its user; that of a signed-in user names the user itself.

    Times in epoch seconds. So each id is one of the two, and no links go in a chain or a circle.
    """

    user_id: str
    linked_at: float
    expires_at: float


class Identified(NamedTuple):
    """``rows``: those of both ids. ``variants``: the user's, by experiment key."""

    link: Link
    rows: Rows
    variants: Mapping[str, str]


class Identities(Assignments, Protocol):
    """The store of assignments, which has the links too: one call reads both."""

    def get_rows_and_links(
        self, pairs: Pairs, ids: Iterable[str], *, consistent: bool = True
    ) -> tuple[Rows, Mapping[str, Link]]:
        """Those that exist: rows as `get_many` has them, and links by id, also expired ones."""

    def put_link(self, anonymous_id: str, link: Link, now: float) -> bool:
        """Link both ids at once, unless one of them has a link to another user; whether that was done.

        A link that has expired at ``now`` counts as absent. It is not done either if another call writes one
        of these links just then.
        """

    def list_anonymous_ids(self, user_ids: Collection[str]) -> dict[str, str]:
        """Each id that is linked to one of the users → its user. It reads the whole table."""


def check_ids(anonymous_id: object, user_id: object) -> None:
    """Raises InvalidInput that names the field."""
    check_user_id(anonymous_id, "anonymous_id")
    check_user_id(user_id)
    if anonymous_id == user_id:
        reason = "must not be the user_id; call identify only after sign-in"
        raise InvalidInput("same_id", f"anonymous_id {reason}.", (Problem("anonymous_id", reason),))


def read_identify_event(user_id: str, data: Mapping[str, Any]) -> tuple[str, str] | None:
    """The anonymous id and the user of an event of the type; None if it links nothing."""
    anonymous_id: Any = (data.get("properties") or {}).get("anonymous_id")
    try:
        check_ids(anonymous_id, user_id)
    except InvalidInput:
        return None
    return anonymous_id, user_id


def build_identify_event(anonymous_id: str, user_id: str, now: float) -> dict[str, Any]:
    return {
        "event_type": IDENTIFY,
        "user_id": user_id,
        "timestamp": format_timestamp(now),
        "properties": {"anonymous_id": anonymous_id},
    }


def check_links(anonymous_id: str, user_id: str, links: Mapping[str, Link], now: float) -> None:
    """Raises Conflict if one of the ids has a link to somebody else. The first link wins."""
    mine, users = find_link(anonymous_id, links, now), find_link(user_id, links, now)
    if mine is not None and mine.user_id == anonymous_id:
        raise _refuse("anonymous_id", "is a signed-in user that has anonymous ids itself")
    if mine is not None and mine.user_id != user_id:
        raise _refuse("anonymous_id", "belongs to another user; make a new one when a user signs out")
    if users is not None and users.user_id != user_id:
        raise _refuse("user_id", "is linked as an anonymous_id of another user")


def find_link(id_: str, links: Mapping[str, Link], now: float) -> Link | None:
    """That has not expired."""
    link = links.get(id_)
    return link if link is not None and now < link.expires_at else None


def find_user(identities: Identities, id_: str, now: float) -> str:
    """The user that ``id_`` stands for, itself if it is not linked."""
    _, links = identities.get_rows_and_links((), [id_])
    link = find_link(id_, links, now)
    return id_ if link is None else link.user_id


def wins(anonymous: Assignment, user: Assignment | None, experiment: Experiment, now: float) -> bool:
    """Whether the assignment of the anonymous id is the person's first, and follows the user.

    Who is held out is decided for the user anew, so a record of it does not follow.
    """
    if anonymous.variant == HELD_OUT:
        return False
    if user is None or not is_valid(user, experiment, now):
        return True
    if user.variant == HELD_OUT:
        return False
    return (anonymous.timestamp, anonymous.variant) < (user.timestamp, user.variant)


def copy_to_user(
    anonymous: Assignment,
    user: Assignment | None,
    experiment: Experiment,
    user_id: str,
    link: Link,
    now: float,
) -> Assignment:
    """The user's row: the anonymous id's assignment, in force from the link on.

    If the user had another variant, it is in force from ``now`` on, as the user was given the other one
    until now.
    """
    is_moved = user is not None and is_valid(user, experiment, now) and user.variant != anonymous.variant
    copied = replace(
        anonymous,
        assignment_id=make_assignment_id(experiment, user_id),
        linked_at=round(now if is_moved else max(link.linked_at, anonymous.timestamp), 3),
        replaced=(),
    )
    return copied.replace_row(user)


def join_rows(anonymous: Assignment | None, user: Assignment | None, linked_at: float) -> Assignment | None:
    """What counts for events of an anonymous id: the user's row from the link on, its own row before."""
    if user is None:
        return anonymous
    own = () if anonymous is None else (anonymous, *anonymous.replaced)
    joined = [
        replace(each, linked_at=max(each.since, linked_at), replaced=()) for each in (user, *user.replaced)
    ]
    # Its own row is one of the past, and no longer marked.
    own = tuple(replace(each, person="", linked_at=None if each.person else each.linked_at) for each in own)
    return replace(joined[0], replaced=(*joined[1:], *own))


def _refuse(field: str, reason: str) -> Conflict:
    return Conflict("already_linked", f"{field} {reason}.", (Problem(field, reason),))
