"""The rows that decide which variant events count for: cached, and joined with those of linked users."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.identity import Identities, Link, find_link, join_rows
from chalicelib.domain.stream.attribution import AssignmentKey, is_reusable
from chalicelib.services.concurrency import Parallel, batched
from chalicelib.services.events.two_generation_cache import TwoGenerationCache

KEYS_A_CALL = 100
CACHED = 50_000
SECONDS = 60.0
SECONDS_WITH_LINKS = 10.0
"""A link that another container makes may replace a row."""
LinkKey = tuple[str]
Experiments = Mapping[str, Experiment]


class LoadedRows(NamedTuple):
    """``people``: the user of each linked id."""

    rows: dict[AssignmentKey, Assignment]
    people: dict[str, str]


class AssignmentRows:
    """``has_links``: anonymous ids may be linked to users."""

    def __init__(self, assignments: Identities, parallel: Parallel, *, has_links: bool) -> None:
        self._assignments = assignments
        self._parallel = parallel
        self._has_links = has_links
        seconds = SECONDS_WITH_LINKS if has_links else SECONDS
        self._cache: TwoGenerationCache[AssignmentKey, Assignment] = TwoGenerationCache(CACHED, seconds)

    def load(
        self, keys: Collection[AssignmentKey], experiments: Experiments, latest: float, now: float
    ) -> LoadedRows:
        """``experiments`` by id; ``latest``: the time of the latest event that the rows decide about.

        A link is read for an id without a valid row; the row of a linked id names its user itself.
        Raises StorageUnavailable or Throttled.
        """
        self._cache.update({}, now)  # lets go of what is too old, also if nothing is missing
        rows, links = self._read(keys, experiments, latest, now, with_links=self._has_links)
        linked: dict[AssignmentKey, tuple[str, float]] = {}
        for key in keys if self._has_links else ():
            row = rows.get(key)
            if row is not None and not row.person and key[1] not in links:
                continue  # nearly all
            link = find_link(key[1], links, now)
            is_marked = row is not None and row.person and (row.expires_at is None or latest < row.expires_at)
            if row is not None and is_marked:
                linked[key] = row.person, row.linked_at or row.timestamp
            elif link is not None and link.user_id != key[1] and experiments[key[0]].get_unit is None:
                linked[key] = link.user_id, link.linked_at
        if not linked:
            return LoadedRows(rows, {})
        users = {(experiment_id, user_id) for (experiment_id, _), (user_id, _) in linked.items()}
        user_rows, _ = self._read(users, experiments, latest, now, with_links=False)
        for key, (user_id, linked_at) in linked.items():
            joined = join_rows(rows.get(key), user_rows.get((key[0], user_id)), linked_at)
            if joined is not None:
                rows[key] = joined
        return LoadedRows(rows, {key[1]: user_id for key, (user_id, _) in linked.items()})

    def remember(self, rows: Mapping[AssignmentKey, Assignment], now: float) -> None:
        """In place of what is cached."""
        self._cache.update(rows, now)

    def _read(
        self,
        keys: Collection[AssignmentKey],
        experiments: Experiments,
        latest: float,
        now: float,
        *,
        with_links: bool,
    ) -> tuple[dict[AssignmentKey, Assignment], dict[str, Link]]:
        """Rows are cached while they are valid. A missing row is not: it may be written any moment."""
        cached = self._cache.get_many(keys)
        rows = {key: row for key, row in cached.items() if is_reusable(row, experiments[key[0]], latest)}
        missing = [key for key in keys if key not in rows]
        ids: Iterable[str] = ()
        if with_links:
            ids = {
                user_id for experiment_id, user_id in missing if experiments[experiment_id].get_unit is None
            }
        wanted: list[AssignmentKey | LinkKey] = [*missing, *((user_id,) for user_id in ids)]
        links: dict[str, Link] = {}
        for read_rows, read_links in self._parallel.map(self._call, batched(wanted, KEYS_A_CALL)):
            rows.update(read_rows)
            links.update(read_links)
            self._cache.update(read_rows, now)
        return rows, links

    def _call(
        self, keys: list[AssignmentKey | LinkKey]
    ) -> tuple[Mapping[AssignmentKey, Assignment], Mapping[str, Link]]:
        pairs = [key for key in keys if len(key) == 2]
        if not self._has_links:
            return self._assignments.get_many(pairs), {}
        return self._assignments.get_rows_and_links(pairs, [key[0] for key in keys if len(key) == 1])
