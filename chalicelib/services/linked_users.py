"""Which user an id stands for, when it asks for assignments.

The link is read together with the rows that a decision needs anyway. A container remembers both for a
minute, since a link made elsewhere may replace a row.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from chalicelib.domain.assignment import is_valid
from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.identity import Identities, Link, Rows, find_link
from chalicelib.services.assignment_cache import AssignmentCache
from chalicelib.services.identify import Merge

SECONDS = 60.0
ReadRow = Callable[[Experiment, str], Assignment | None]


class Lookup(NamedTuple):
    """Ask as ``user_id``. ``rows`` are those of ``read`` that exist; ``error``: none could be read."""

    user_id: str
    rows: Rows = MappingProxyType({})
    read: frozenset[tuple[str, str]] = frozenset()
    error: RealtimeError | None = None

    def before(self, read_row: ReadRow) -> ReadRow:
        """``read_row`` for what is not read yet."""

        def read(experiment: Experiment, unit: str) -> Assignment | None:
            if self.error is not None:
                raise self.error
            pair = experiment.id, unit
            return self.rows.get(pair) if pair in self.read else read_row(experiment, unit)

        return read


class LinkedUsers:
    """Remembers ``size`` ids; ``merge`` completes a link whose rows were not merged, or not all."""

    def __init__(self, assignments: Identities, cache: AssignmentCache, merge: Merge, size: int) -> None:
        self._assignments = assignments
        self._cache = cache
        self._merge = merge
        self._size = size
        self._links: OrderedDict[str, tuple[Link | None, float]] = OrderedDict()

    def find(self, user_id: str, experiments: Iterable[Experiment], now: float) -> Lookup:
        """The user that ``user_id`` stands for, with the rows that had to be read to know it."""
        experiments = list(experiments)
        lookup, link, rows = self._find_link(user_id, experiments, now)
        if link is None or link.user_id == user_id:
            return lookup
        unmerged = [each for each in experiments if _is_unmerged(rows.get((each.id, user_id)), each, now)]
        if unmerged:
            with suppress(StorageUnavailable, Throttled):  # the next request tries again
                users = self._assignments.get_many([(each.id, link.user_id) for each in unmerged])
                self._merge(unmerged, user_id, {**rows, **users}, link, now)
                self.forget(link.user_id)
        return self._find_link(link.user_id, experiments, now)[0]

    def is_unlinked(self, user_id: str, now: float) -> bool:
        """Whether it is known that ``user_id`` stands for itself, and its cached rows are good."""
        link, read_at = self._links.get(user_id, (None, None))
        is_fresh = read_at is not None and now < read_at + SECONDS
        return is_fresh and (link is None or link.user_id == user_id)

    def forget(self, *ids: str) -> None:
        """So that their rows are read again."""
        for id_ in ids:
            self._links.pop(id_, None)

    def _find_link(
        self, user_id: str, experiments: list[Experiment], now: float
    ) -> tuple[Lookup, Link | None, Rows]:
        link, read_at = self._links.get(user_id, (None, None))
        if not experiments or (read_at is not None and now < read_at + SECONDS):
            return Lookup(user_id), link, {}
        pairs = [(each.id, user_id) for each in experiments]
        try:
            rows, links = self._assignments.get_rows_and_links(pairs, [user_id], consistent=False)
        except (StorageUnavailable, Throttled) as error:
            return Lookup(user_id, error=None if read_at is not None else error), link, {}
        link = find_link(user_id, links, now)
        self._remember(user_id, link, now)
        for experiment in experiments:
            row = rows.get((experiment.id, user_id))
            if row is not None:
                self._cache.put(experiment, user_id, row)
        return Lookup(user_id, rows, frozenset(pairs)), link, rows

    def _remember(self, user_id: str, link: Link | None, now: float) -> None:
        self._links[user_id] = link, now
        self._links.move_to_end(user_id)
        if len(self._links) > self._size:
            with suppress(KeyError):  # another thread has removed the last one
                self._links.popitem(last=False)


def _is_unmerged(row: Assignment | None, experiment: Experiment, now: float) -> bool:
    return row is not None and not row.person and is_valid(row, experiment, now)
