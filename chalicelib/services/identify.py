"""Links an anonymous id to the user that signed in, and lets the first assignment of the two follow the user.

Each step may be repeated, and two containers may do it at once: the result is the same. So the stream's
`$identify` event completes what a crash has interrupted.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from chalicelib.domain.assignment import is_ahead, is_valid
from chalicelib.domain.definitions.model import Assignment, Experiment, find_in_force
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.identity import (
    Identified,
    Identities,
    Link,
    Rows,
    check_ids,
    check_links,
    copy_to_user,
    find_link,
    wins,
)
from chalicelib.services.definitions.sources import DefinitionSource

ATTEMPTS = 5


class Identifier:
    """``seconds`` until a link expires that is not made again."""

    def __init__(
        self, experiments: DefinitionSource[Experiment], assignments: Identities, seconds: float
    ) -> None:
        self._experiments = experiments
        self._assignments = assignments
        self._seconds = seconds

    def check(self, anonymous_id: str, user_id: str, now: float) -> None:
        """Raises InvalidInput, Conflict, StorageUnavailable or Throttled."""
        check_ids(anonymous_id, user_id)
        _, links = self._assignments.get_rows_and_links((), (anonymous_id, user_id))
        check_links(anonymous_id, user_id, links, now)

    def identify(self, anonymous_id: str, user_id: str, linked_at: float, now: float) -> Identified:
        """``linked_at``: when the user signed in, which an existing link knows better. Raises as `check`."""
        experiments = self._list_experiments(now)
        pairs = [(each.id, id_) for each in experiments for id_ in (anonymous_id, user_id)]
        rows, links = self._assignments.get_rows_and_links(pairs, (anonymous_id, user_id))
        check_links(anonymous_id, user_id, links, now)
        link = find_link(anonymous_id, links, now)
        if link is None or user_id not in links or link.expires_at < now + self._seconds / 2:
            link = self._link(anonymous_id, user_id, link.linked_at if link else linked_at, now)
            # Who has read that there is no link may have written a row since then.
            rows = self._assignments.get_many(pairs)
        rows = self.merge(experiments, anonymous_id, rows, link, now)
        variants = {
            each.key: row.variant
            for each in experiments
            if (row := rows.get((each.id, user_id))) is not None and row.variant in each.variants
            and is_valid(row, each, now)
        }  # fmt: skip
        return Identified(link, rows, variants)

    def merge(
        self, experiments: Iterable[Experiment], anonymous_id: str, rows: Rows, link: Link, now: float
    ) -> Rows:
        """``rows`` as they are afterwards. Raises StorageUnavailable or Throttled."""
        merged = dict(rows)
        for experiment in experiments:
            pairs = (experiment.id, anonymous_id), (experiment.id, link.user_id)
            both = self._merge_rows(
                experiment, anonymous_id, rows.get(pairs[0]), rows.get(pairs[1]), link, now
            )
            merged |= {pair: row for pair, row in zip(pairs, both, strict=True) if row is not None}
        return merged

    def _list_experiments(self, now: float) -> list[Experiment]:
        """Those whose rows belong to users, and that have or will have some.

        None that is not listed: what nobody sees would be read for everybody who signs in.
        """
        in_force = (find_in_force(each, now) for each in self._experiments.get_listed().values())
        return [each for each in in_force if each.get_unit is None and each.status in ("active", "paused")]

    def _link(self, anonymous_id: str, user_id: str, linked_at: float, now: float) -> Link:
        link = Link(user_id, round(linked_at, 3), float(int(now + self._seconds)))
        for _ in range(ATTEMPTS):
            if self._assignments.put_link(anonymous_id, link, now):
                return link
            self.check(anonymous_id, user_id, now)
        raise StorageUnavailable  # others write the same links all the time

    def _merge_rows(
        self,
        experiment: Experiment,
        anonymous_id: str,
        anonymous: Assignment | None,
        user: Assignment | None,
        link: Link,
        now: float,
    ) -> tuple[Assignment | None, Assignment | None]:
        """The user's row first: after a crash, the anonymous row is still there to be merged again."""
        for _ in range(ATTEMPTS):
            if anonymous is None or anonymous.person:
                return anonymous, user
            if is_ahead(anonymous, experiment) or (user is not None and is_ahead(user, experiment)):
                experiment = self._refresh(experiment, now)
            if not is_valid(anonymous, experiment, now):
                return anonymous, user
            if wins(anonymous, user, experiment, now):
                copy = copy_to_user(anonymous, user, experiment, link.user_id, link, now)
                user, expected = self._put(experiment, link.user_id, copy, user), copy
                if not _is_same(user, expected):
                    continue
            marked = replace(anonymous, person=link.user_id, linked_at=round(now, 3))
            anonymous = self._put(experiment, anonymous_id, marked, anonymous)
        raise StorageUnavailable  # others write the same rows all the time

    def _refresh(self, experiment: Experiment, now: float) -> Experiment:
        newest = self._experiments.refresh(experiment.key)
        return experiment if newest is None else find_in_force(newest, now)

    def _put(
        self, experiment: Experiment, user_id: str, row: Assignment, replaced: Assignment | None
    ) -> Assignment:
        return self._assignments.put(experiment, user_id, row, replaced)


Merge = Callable[[Iterable[Experiment], str, Rows, Link, float], Rows]


def _is_same(row: Assignment, other: Assignment) -> bool:
    return (row.variant, row.timestamp) == (other.variant, other.timestamp)
