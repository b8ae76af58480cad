"""The whole plane over stores in memory, with both streams; and what it should do."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.errors import Conflict, StorageUnavailable
from chalicelib.domain.identity import Link
from chalicelib.domain.stream.assignment_changes import tally_changes
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.settings import Settings
from chalicelib.stores.assignments import AssignmentStore
from chalicelib.stores.clients import Clients
from chalicelib.wiring import Plane
from realtime.testing.event_stores import (
    MemoryArchive,
    MemoryCounters,
    MemoryEventStream,
    MemoryQuarantine,
    MemoryVerdicts,
)
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions, MemoryMetrics
from tests.support.assignments import change
from tests.support.experiments import published, shares
from tests.support.streams import record

START = 1_795_341_600.0
DAY = 86_400.0
VARIANTS = {f"v{number}": 0.25 for number in range(4)}
SETTINGS = Settings.from_env({"REALTIME_TRACKING": "false"})


class StreamedAssignments(MemoryAssignments):
    """Keeps the changes that DynamoDB would stream.

    ``interrupt`` is called before call number ``interrupt_at``. After ``writes_left`` each write fails.
    """

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[dict[str, Any]] = []
        self.writes_left = 1_000_000
        self.calls = 0
        self.interrupt_at = -1
        self.interrupt: Callable[[], object] = lambda: None
        self._items = AssignmentStore(cast(Clients, None), SETTINGS)

    def get(self, experiment: Experiment, user_id: str) -> Assignment | None:
        self._count_call()
        return super().get(experiment, user_id)

    def get_many(
        self, pairs: Collection[tuple[str, str]], *, consistent: bool = True
    ) -> dict[tuple[str, str], Assignment]:
        self._count_call()
        return super().get_many(pairs, consistent=consistent)

    def get_rows_and_links(
        self, pairs: Collection[tuple[str, str]], ids: Iterable[str], *, consistent: bool = True
    ) -> tuple[dict[tuple[str, str], Assignment], dict[str, Link]]:
        self._count_call()
        return super().get_rows_and_links(pairs, ids, consistent=consistent)

    def put(
        self, experiment: Experiment, user_id: str, row: Assignment, replace: Assignment | None
    ) -> Assignment:
        self._count_call()
        self._fail_after_last()
        old = self.rows.get((experiment.id, user_id))
        stored = super().put(experiment, user_id, row, replace)
        if stored is row:
            before = None if old is None else self._items._item(experiment, user_id, old)
            new = self._items._item(experiment, user_id, row)
            self.changes.append(change(len(self.changes), new, before))
        return stored

    def put_link(self, anonymous_id: str, link: Link, now: float) -> bool:
        self._count_call()
        self._fail_after_last()
        return super().put_link(anonymous_id, link, now)

    def _count_call(self) -> None:
        self.calls += 1
        if self.calls == self.interrupt_at + 1:
            self.interrupt()

    def _fail_after_last(self) -> None:
        self.writes_left -= 1
        if self.writes_left < 0:
            raise StorageUnavailable


class World:
    """``now`` moves only when a test moves it. `plane` is one container; `restart` makes another."""

    def __init__(self, *, identity: bool = True, **fields: Any) -> None:
        self.now = START
        self.settings = Settings.from_env(
            {"REALTIME_TRACKING": "false", "REALTIME_IDENTITY": str(identity).lower()}
        )
        self.definitions = MemoryDefinitions()
        self.assignments = StreamedAssignments()
        self.counters, self.assigned = MemoryCounters(), MemoryCounters()
        self.stream, self.archive = MemoryEventStream(), MemoryArchive()
        self.verdicts, self.metrics = MemoryVerdicts(), MemoryMetrics()
        self.quarantine = MemoryQuarantine()
        self.delivered = 0
        self.publish(**fields)

    def publish(self, **fields: Any) -> None:
        fields = dict[str, Any]({"variants": shares(**VARIANTS), "metrics": ["purchase"]}) | fields
        version = self.definitions.get_changes(None).version
        self.definitions.publish([published(**fields)], version, self.now)
        self.plane = self.restart()

    def restart(self) -> Plane:
        self.plane = self.new_container()
        return self.plane

    def new_container(self) -> Plane:
        return Plane(
            self.settings,
            lambda: self.now,
            definitions=self.definitions,
            assignments=self.assignments,
            counters=self.counters,
            verdicts=self.verdicts,
            stream=self.stream,
            archive=self.archive,
            quarantine=self.quarantine,
            metrics=self.metrics,
        )

    def assign(self, user_id: str, plane: Plane | None = None) -> str | None:
        return (plane or self.plane).assign(user_id, "checkout", {}).decision.variant

    def send(self, user_id: str, event_type: str = "purchase", **fields: Any) -> None:
        event = {"event_type": event_type, "user_id": user_id, "timestamp": format_timestamp(self.now)}
        self.plane.ingest(event | fields)

    def deliver(self, plane: Plane | None = None) -> None:
        """What is in the event stream, to the processor."""
        records = self.stream.records[self.delivered :]
        event = {
            "Records": [
                record(each.data, self.delivered + number, arrived=self.now)
                for number, each in enumerate(records)
            ]
        }
        self.delivered += len(records)
        answer = (plane or self.plane).process(event, lambda: 60.0)
        assert answer == {"batchItemFailures": []}

    def counted(self, scope: str = "checkout", event_type: str = "purchase") -> dict[str, int]:
        return _sum(self.counters, scope, event_type)

    def counted_users(self, scope: str = "checkout") -> dict[str, int]:
        """Of the table's stream, in every hour: no hour may fall below zero."""
        counters = MemoryCounters()
        for tally in tally_changes(self.assignments.changes, "shard"):
            counters.add(tally, None)
        hours = [sums.count for _, hours in counters.read(scope) for sums in hours.values()]
        assert min(hours, default=0) >= 0
        return _sum(counters, scope, "$assigned")

    def archived(self) -> list[dict[str, Any]]:
        import gzip

        lines = b"".join(gzip.decompress(body) for body in self.archive.objects.values()).splitlines()
        return sorted(map(orjson.loads, lines), key=lambda line: str(line["realtime"]["occurred_at"]))


def _sum(counters: MemoryCounters, scope: str, event_type: str) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for counter, hours in counters.read(scope):
        if counter.event_type == event_type:
            totals[counter.variant] += sum(sums.count for sums in hours.values())
    return {variant: number for variant, number in totals.items() if number}


@dataclass
class Row:
    variant: str
    at: float
    iteration: int


@dataclass
class Expected:
    """The rules of docs/identity.md, in the fewest words."""

    iteration: int = 1
    rows: dict[str, Row] = field(default_factory=dict)
    links: dict[str, tuple[str, float]] = field(default_factory=dict)
    users: dict[str, float] = field(default_factory=dict)
    counted: dict[tuple[int, str], str] = field(default_factory=dict)  # iteration and id → variant
    hashed: dict[tuple[int, str], str] = field(default_factory=dict)
    events: Counter[tuple[int, str]] = field(default_factory=Counter)

    def find_user(self, id_: str, now: float) -> str:
        user, expires_at = self.links.get(id_, (id_, 0.0))
        return user if now < expires_at else id_

    def find_row(self, id_: str, now: float) -> Row | None:
        row = self.rows.get(id_)
        is_valid = row is not None and row.iteration == self.iteration and now < int(row.at + 90 * DAY)
        return row if is_valid else None

    def assign(self, id_: str, now: float) -> str:
        user = self.find_user(id_, now)
        row = self.find_row(user, now)
        if row is None:
            row = self.rows[user] = Row(self._hash(user), now, self.iteration)
            self.counted[self.iteration, user] = row.variant
        return row.variant

    def identify(self, anonymous_id: str, user_id: str, now: float) -> bool:
        is_user = now < self.users.get(anonymous_id, 0.0)
        if is_user or self.find_user(anonymous_id, now) not in (anonymous_id, user_id):
            return False
        if self.find_user(user_id, now) != user_id:
            return False
        anonymous, user = self.find_row(anonymous_id, now), self.find_row(user_id, now)
        is_linked = self.find_user(anonymous_id, now) == user_id
        if not is_linked or self.links[anonymous_id][1] < now + 45 * DAY:
            self.links[anonymous_id] = user_id, float(int(now + 90 * DAY))
            self.users[user_id] = float(int(now + 90 * DAY))
        if anonymous is not None and (self.iteration, anonymous_id) in self.counted:
            if user is None or (anonymous.at, anonymous.variant) < (user.at, user.variant):
                self.rows[user_id] = anonymous
                self.counted[self.iteration, user_id] = anonymous.variant
            del self.counted[self.iteration, anonymous_id]
        return True

    def send(self, id_: str, now: float) -> None:
        row = self.find_row(self.find_user(id_, now), now)
        self.events[self.iteration, row.variant if row else "$unassigned"] += 1

    def count_users(self, iteration: int) -> dict[str, int]:
        return dict(Counter(variant for (number, _), variant in self.counted.items() if number == iteration))

    def _hash(self, user_id: str) -> str:
        key = self.iteration, user_id
        if key not in self.hashed:
            alone = World(identity=False, iteration=self.iteration)
            self.hashed[key] = str(alone.assign(user_id))
        return self.hashed[key]


def identify(world: World, anonymous_id: str, user_id: str, plane: Plane | None = None) -> bool:
    """Whether the ids are linked."""
    try:
        (plane or world.plane).identify(anonymous_id, user_id)
    except Conflict:
        return False
    return True
