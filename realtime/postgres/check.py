"""DynamoDB and PostgreSQL, compared both ways in bounded memory: what is missing, different, or too much."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import UUID

from chalicelib.domain.stream.assignment_history import read_row
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.services.concurrency import Parallel, batched
from chalicelib.stores.postgres_address import Address
from realtime.postgres.assignment_table import KEYS_A_CALL, AssignmentTable, Item, Pace, persist
from realtime.postgres.connection import connect

if TYPE_CHECKING:
    from chalicelib.stores.postgres_connection import ClosingConnection

SEGMENTS = 4
PAGE_ROWS = 1000
EXAMPLES = 10
ROUNDING_SECONDS = 1.0
"""A column may keep whole seconds."""

Difference = Literal["missing", "other_variant", "older", "extra"]
Explanation = Literal["expired", "replaced", "too_recent", "not_an_assignment"]
MEANINGS: dict[Difference | Explanation, str] = {
    "missing": "in DynamoDB only",
    "other_variant": "another variant in PostgreSQL",
    "older": "an earlier state in PostgreSQL",
    "extra": "in PostgreSQL only, and not expired",
    "expired": "expired in DynamoDB",
    "replaced": "of an earlier iteration, in PostgreSQL only",
    "too_recent": "changed too recently to judge",
    "not_an_assignment": "in DynamoDB, but not of this service",
}


@dataclass(slots=True)
class Report:
    dynamodb: int = 0
    postgres: int = 0
    differences: Counter[Difference] = field(default_factory=Counter)
    explained: Counter[Explanation] = field(default_factory=Counter)
    examples: dict[Difference, list[str]] = field(default_factory=dict)
    """Assignment ids, the lowest ten of each difference."""
    lock: Lock = field(default_factory=Lock)

    def add(self, other: "Report") -> None:
        with self.lock:
            self.dynamodb += other.dynamodb
            self.postgres += other.postgres
            self.differences += other.differences
            self.explained += other.explained
            for kind, ids in other.examples.items():
                self.examples[kind] = sorted([*self.examples.get(kind, []), *ids])[:EXAMPLES]

    def differ(self, kind: Difference, assignment_id: str) -> None:
        self.differences[kind] += 1
        self.examples.setdefault(kind, []).append(assignment_id)


class StoredRow(NamedTuple):
    """A row in PostgreSQL."""

    id: str
    experiment_id: str
    user_id: str
    variant: str
    updated_at: float

    @property
    def key(self) -> str:
        return f"{self.experiment_id}#{self.user_id}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """``now`` in epoch seconds. What changed in the last ``grace`` seconds may still be on its way; rows of
    DynamoDB live for ``ttl`` seconds."""

    table: AssignmentTable
    address: Address
    pace: Pace
    now: float
    grace: float
    ttl: float

    def run(self, show_rows: Callable[[Report], object]) -> Report:
        report = Report()

        def add(page: Report) -> None:
            report.add(page)
            show_rows(report)

        with ThreadPoolExecutor(SEGMENTS) as pool:
            for outcome in [pool.submit(self._check_segment, add, number) for number in range(SEGMENTS)]:
                outcome.result()
        self._check_extra_rows(add)
        return report

    def _check_segment(self, add: Callable[[Report], None], number: int) -> None:
        """Is each row of DynamoDB in PostgreSQL?"""
        after: str | None = None
        with connect(self.address) as connection:
            id_type = _read_id_type(connection)
            while True:
                page = persist(partial(self.table.scan, number, SEGMENTS, after))
                self.pace.wait(len(page.items))
                add(self._compare(connection, id_type, page.items))
                after = page.last_id
                if after is None:
                    return

    def _compare(self, connection: "ClosingConnection", id_type: str, items: Sequence[Item]) -> Report:
        report = Report(dynamodb=len(items))
        rows = [(item, row) for item in items if (row := read_row(item))]
        report.explained["not_an_assignment"] += len(items) - len(rows)
        stored = _select_by_id(connection, id_type, [row.id for _, row in rows])
        for item, row in rows:
            at, in_postgres = parse_timestamp(row.updated_at), stored.get(row.id)
            if self._is_expired(item):
                report.explained["expired"] += 1
            elif self._is_recent(at) or (in_postgres and self._is_recent(in_postgres.updated_at)):
                report.explained["too_recent"] += 1
            elif in_postgres is None:
                report.differ("missing", row.id)
            elif in_postgres.variant != row.variant_id:
                report.differ("other_variant", row.id)
            elif in_postgres.updated_at < at - ROUNDING_SECONDS:
                report.differ("older", row.id)
        return report

    def _check_extra_rows(self, add: Callable[[Report], None]) -> None:
        """Is each row of PostgreSQL in DynamoDB, or is there a reason why it is not?"""
        parallel = Parallel()
        with connect(self.address) as connection:
            for rows in _read_pages(connection):
                self.pace.wait(len(rows))
                keys = batched({row.key: None for row in rows}, KEYS_A_CALL)
                answers = parallel.map(lambda call: persist(partial(self.table.get_many, call)), keys)
                add(self._explain(rows, {key: item for answer in answers for key, item in answer.items()}))

    def _explain(self, rows: Sequence[StoredRow], items: dict[str, Item]) -> Report:
        report = Report(postgres=len(rows))
        for row in rows:
            item = items.get(row.key)
            is_same = item is not None and _read_assignment_id(item) == row.id
            if is_same:
                continue
            if self._is_recent(row.updated_at):
                report.explained["too_recent"] += 1
            elif item is not None:
                report.explained["replaced"] += 1
            elif row.updated_at + self.ttl <= self.now:
                report.explained["expired"] += 1
            else:
                report.differ("extra", row.id)
        return report

    def _is_recent(self, at: float) -> bool:
        return at > self.now - self.grace

    def _is_expired(self, item: Item) -> bool:
        return "ttl" in item and float(item["ttl"]["N"]) <= self.now


def build_comparison(
    table: AssignmentTable, address: Address, pace: Pace, grace: float, ttl_days: int
) -> Comparison:
    return Comparison(table, address, pace, time.time(), grace, ttl_days * 86_400.0)


COLUMNS = (
    "id::text, experiment_id::text, user_id::text, variant_id::text, extract(epoch FROM updated_at)::float8"
)


def _read_id_type(connection: "ClosingConnection") -> str:
    """`uuid`, `text` or `character varying`: comparing it as another type would not use its index."""
    [[kind]] = connection.run(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = 'assignments'::regclass AND attname = 'id'"
    )
    return str(kind)


def _select_by_id(connection: "ClosingConnection", id_type: str, ids: Sequence[str]) -> dict[str, StoredRow]:
    """By an id of ``ids``."""
    wanted = [known for row_id in ids if (known := _normalize(row_id, id_type)) is not None]
    sql = f"SELECT {COLUMNS} FROM assignments WHERE id = ANY(CAST(:ids AS {id_type}[]))"  # noqa: S608 - a type
    rows = [StoredRow(*columns) for columns in connection.run(sql, ids=wanted)] if wanted else []
    by_id = {row.id: row for row in rows}
    return {row_id: by_id[known] for row_id in ids if (known := _normalize(row_id, id_type)) in by_id}


def _normalize(row_id: str, id_type: str) -> str | None:
    """``row_id`` as PostgreSQL shows it; None if its column can never hold it."""
    if id_type != "uuid":
        return None if "\0" in row_id else row_id
    try:
        return str(UUID(row_id))
    except ValueError:
        return None


def _read_pages(connection: "ClosingConnection") -> Iterator[list[StoredRow]]:
    """In the order of the primary key, each page by a statement of its own: no snapshot is held."""
    id_type = _read_id_type(connection)
    where, last = "", ""
    while True:
        sql = f"SELECT {COLUMNS} FROM assignments {where} ORDER BY id LIMIT {PAGE_ROWS}"  # noqa: S608 - constants
        columns: list[Any] = connection.run(sql, **({"last": last} if where else {}))
        if not columns:
            return
        yield [StoredRow(*row) for row in columns]
        where, last = f"WHERE id > CAST(:last AS {id_type})", columns[-1][0]


def _read_assignment_id(item: Item) -> str:
    row = read_row(item)
    return row.id if row else ""
