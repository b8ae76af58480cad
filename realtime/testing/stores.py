"""Stores in memory, for unit tests and benchmarks. tests/contract runs the same tests against the real ones.

Each class names the one that it stands for; `realtime.testing.event_stores` has those of the event stream.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import Any

from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.audit import Action
from chalicelib.domain.definitions.model import (
    Approval,
    Assignment,
    Changes,
    DefinitionKind,
    DefinitionRow,
    Experiment,
)
from chalicelib.domain.errors import Conflict
from chalicelib.domain.identity import Link
from chalicelib.domain.key_snapshot import KeySnapshot
from chalicelib.domain.keys import ApiKey
from chalicelib.domain.recent_contexts import RecentContext
from chalicelib.domain.stream.assignment_history import HistoryRow, RefusedRow
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from realtime.testing.proposals import MemoryProposals


class MemoryDefinitions:
    """`chalicelib.stores.definitions.DefinitionStore`. An approval closes one of ``proposals``."""

    def __init__(self, proposals: MemoryProposals | None = None) -> None:
        self._proposals = proposals
        self._rows: dict[tuple[DefinitionKind, str], DefinitionRow] = {}
        self._publications: list[list[DefinitionRow]] = []
        self._lock = Lock()

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        return {key: self._rows[kind, key] for key in keys if (kind, key) in self._rows}

    def get_all(self, kind: DefinitionKind) -> dict[str, DefinitionRow]:
        return {row.key: row for row in self._rows.values() if row.kind == kind}

    def get_changes(self, version: int | None) -> Changes:
        newest = len(self._publications)
        if version is None:
            return Changes(newest, None)
        rows = (row for publication in self._publications[version:] for row in publication)
        return Changes(newest, frozenset((row.kind, row.key) for row in rows))

    def publish(
        self,
        definitions: Sequence[DefinitionRow],
        expected: int,
        now: float,
        by: str = "",
        note: str = "",
        approval: Approval | None = None,
    ) -> int:
        with self._lock:
            if expected != len(self._publications):
                raise Conflict("publish_conflict", "Somebody else has published in between.")
            version = expected + 1
            if approval and self._proposals:
                self._proposals.approve(approval, version, now, by)
            published_at = format_timestamp(now)
            rows = [
                replace(row, version=version, published_at=published_at, published_by=by, published_note=note)
                for row in definitions
            ]
            self._rows |= {(row.kind, row.key): row for row in rows}
            self._rows = {name: row for name, row in self._rows.items() if row.text}
            self._publications.append(rows)
            return version

    def restore(
        self,
        versions: Sequence[DefinitionRow],
        now: float,  # noqa: ARG002 - here no publisher dies
        *,
        discard: bool = False,  # noqa: ARG002 - here every row has its publication
        on_written: Callable[[int], object] = lambda _: None,
    ) -> None:
        with self._lock:
            if self._publications:
                raise Conflict("not_empty", "Definitions are published already.")
            self._publications = [[] for _ in range(max(row.version for row in versions))]
            for row in sorted(versions, key=lambda row: row.version):
                self._publications[row.version - 1].append(row)
                self._rows[row.kind, row.key] = row
                on_written(1)
            on_written(len(self._rows))
            self._rows = {name: row for name, row in self._rows.items() if row.text}

    def get_history(self, kind: DefinitionKind, key: str) -> list[DefinitionRow]:
        return [row for row in reversed(self.get_versions()) if (row.kind, row.key) == (kind, key)]

    def get_versions(self) -> list[DefinitionRow]:
        return [row for publication in self._publications for row in publication]

    def get_versions_since(self, kind: DefinitionKind, since: float) -> list[DefinitionRow]:
        rows = [row for row in self.get_versions() if row.kind == kind]
        later = [row for row in rows if parse_timestamp(row.published_at) > since]
        first = {row.key: row.version for row in reversed(later)}
        before = {row.key: row for row in rows if row.key in first and row.version < first[row.key]}
        return [*before.values(), *later]


class MemoryAssignments:
    """`chalicelib.stores.assignments.AssignmentStore`."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Assignment] = {}
        self.links: dict[str, Link] = {}
        self._lock = Lock()

    def get(self, experiment: Experiment, user_id: str) -> Assignment | None:
        return self.rows.get((experiment.id, user_id))

    def get_many(
        self,
        pairs: Collection[tuple[str, str]],
        *,
        consistent: bool = True,  # noqa: ARG002 - reads here are always consistent
    ) -> dict[tuple[str, str], Assignment]:
        return {pair: self.rows[pair] for pair in pairs if pair in self.rows}

    def put(
        self, experiment: Experiment, user_id: str, row: Assignment, replace: Assignment | None
    ) -> Assignment:
        pair = experiment.id, user_id
        with self._lock:
            if pair not in self.rows or (replace is not None and _is_same(self.rows[pair], replace)):
                self.rows[pair] = row
            return self.rows[pair]

    def get_rows_and_links(
        self, pairs: Collection[tuple[str, str]], ids: Iterable[str], *, consistent: bool = True
    ) -> tuple[dict[tuple[str, str], Assignment], dict[str, Link]]:
        rows = MemoryAssignments.get_many(self, pairs, consistent=consistent)
        return rows, {id_: self.links[id_] for id_ in ids if id_ in self.links}

    def put_link(self, anonymous_id: str, link: Link, now: float) -> bool:
        with self._lock:
            links = [self.links.get(anonymous_id), self.links.get(link.user_id)]
            if any(each and each.user_id != link.user_id and now < each.expires_at for each in links):
                return False
            self.links |= {anonymous_id: link, link.user_id: link}
            return True

    def list_anonymous_ids(self, user_ids: Collection[str]) -> dict[str, str]:
        users = {id_: link.user_id for id_, link in self.links.items()}
        return {id_: user for id_, user in users.items() if user in user_ids and user != id_}


class MemoryAssignmentHistory:
    """`chalicelib.stores.postgres.AssignmentHistory`."""

    def __init__(self) -> None:
        self.rows: dict[str, HistoryRow] = {}

    def upsert(self, rows: Sequence[HistoryRow]) -> list[RefusedRow]:
        refused = [RefusedRow(row, "22P05") for row in rows if "\0" in row.user_id]  # no text has a zero byte
        for row in rows:
            if "\0" not in row.user_id:
                self.rows[row.id] = self.rows[row.id].merge(row) if row.id in self.rows else row
        return refused


class MemoryRecentContexts:
    """`chalicelib.stores.recent_contexts.RecentContextStore`."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[RecentContext, float]] = {}

    def put(self, by_slot: Mapping[int, RecentContext], expires_at: float) -> None:
        self.rows |= {slot: (recent, expires_at) for slot, recent in by_slot.items()}

    def get_all(self, now: float) -> Sequence[RecentContext]:
        return [recent for recent, expires_at in self.rows.values() if now < expires_at]


class MemoryMetrics:
    """`chalicelib.metrics.Metrics`: the recorded values by metric."""

    def __init__(self) -> None:
        self.recorded: dict[str, list[float]] = {}

    def record(self, name: str, value: float = 1) -> None:
        self.recorded.setdefault(name, []).append(value)

    def record_peak(self, name: str, value: float) -> None:
        self.record(name, value)

    def count_answer(self, seconds: float, has_failed: bool) -> None:
        del seconds
        self.record("Answered")
        if has_failed:
            self.record("Failed")

    def after_answer(self) -> None:
        """Does nothing: `recorded` has every value."""

    def flush(self) -> None:
        """Does nothing, too."""


class MemoryTracker:
    """`chalicelib.services.events.tracker.Tracker`."""

    def __init__(self) -> None:
        self.results: list[AssignmentResult] = []
        self.exposed: list[AssignmentResult] = []

    def record(self, result: AssignmentResult) -> None:
        self.results.append(result)

    def expose(self, result: AssignmentResult, _context: Mapping[str, Any], _now: float) -> None:
        self.exposed.append(result)


def _is_same(row: Assignment, replaced: Assignment) -> bool:
    return (row.variant, row.timestamp) == (replaced.variant, replaced.timestamp)


class MemoryKeys:
    """`chalicelib.stores.keys.KeyStore`."""

    def __init__(self) -> None:
        self._keys: dict[str, ApiKey] = {}

    def get(self, key_id: str) -> ApiKey | None:
        return self._keys.get(key_id)

    def put(self, key: ApiKey) -> None:
        self._keys[key.id] = key

    def get_all(self) -> list[ApiKey]:
        return list(self._keys.values())

    def mark_used(self, key_id: str, now: float, before: float) -> None:
        key = self._keys.get(key_id)
        if key and (key.last_used is None or key.last_used < format_timestamp(before, "seconds")):
            self._keys[key_id] = replace(key, last_used=format_timestamp(now, "seconds"))


class MemoryKeySnapshots:
    """`chalicelib.stores.key_snapshots.KeySnapshotStore`."""

    def __init__(self) -> None:
        self.snapshot: KeySnapshot | None = None

    def read(self) -> KeySnapshot | None:
        return self.snapshot

    def write(self, take: Callable[[], Iterable[ApiKey]], now: float) -> bool:
        before, keys = self.snapshot, {key.id: key for key in take()}
        self.snapshot = KeySnapshot(keys, now)
        return before is None or before.keys != keys

    def revoke(self, key_id: str, revoked: str, now: float) -> bool:  # noqa: ARG002 - it gets no younger
        if self.snapshot is None or key_id not in self.snapshot.keys:
            return False
        changed = {key_id: replace(self.snapshot.keys[key_id], revoked=revoked)}
        self.snapshot = replace(self.snapshot, keys={**self.snapshot.keys, **changed})
        return True


class MemoryAuditTrail:
    """`chalicelib.stores.audit.TableAuditTrail`; a clock that moves by a millisecond with each action."""

    def __init__(self) -> None:
        self._actions: dict[float, Action] = {}

    def write(self, action: Action) -> Action:
        timed = action if action.at else replace(action, at=1_795_341_600 + len(self._actions) / 1000)
        self._actions[timed.at] = timed
        return timed

    def read(self, limit: int) -> list[Action]:
        return [self._actions[at] for at in sorted(self._actions, reverse=True)][:limit]
