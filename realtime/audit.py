"""Who changed what by hand, when and why: one item for each action, in the table of publications.

An item is written before the action and completed after it, so that one which was killed leaves a line too.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from botocore.exceptions import ClientError

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

UNFINISHED = "unfinished"
INTERRUPTED = "interrupted"
ATTEMPTS = 10


@dataclass(frozen=True)
class Action:
    """``counts`` are numbers by what happened. No field holds a user's id or a payload."""

    name: str
    by: str
    at: float = 0.0  # epoch seconds; the trail sets it
    note: str = ""  # beside the name, see `publisher`
    selection: str = ""
    reason: str = ""
    outcome: str = UNFINISHED
    counts: Mapping[str, int] = field(default_factory=dict)


class AuditTrail(Protocol):
    """Both raise StorageUnavailable or Throttled."""

    def write(self, action: Action) -> Action:
        """Write a new action, or complete one that `write` returned."""

    def read(self, limit: int) -> list[Action]:
        """The latest, newest first."""


class TableAuditTrail:
    """``area`` names the trail: each has items of its own."""

    def __init__(self, clients: "Clients", table: str, area: str) -> None:
        self._clients = clients
        self._table = table
        self._id = {"S": f"audit/{area}"}

    @guarded
    def write(self, action: Action) -> Action:
        if action.at:
            self._clients.dynamodb.put_item(TableName=self._table, Item=self._build_item(action))
            return action
        milliseconds = int(time.time() * 1000)
        for attempt in range(ATTEMPTS):  # two operators may act in the same millisecond
            timed = replace(action, at=(milliseconds + attempt) / 1000)
            try:
                self._clients.dynamodb.put_item(
                    TableName=self._table,
                    Item=self._build_item(timed),
                    ConditionExpression="attribute_not_exists(id)",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
            else:
                return timed
        raise StorageUnavailable

    @guarded
    def read(self, limit: int) -> list[Action]:
        page = self._clients.dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": self._id},
            ScanIndexForward=False,
            ConsistentRead=True,
            Limit=limit,
        )
        return [_read_item(item) for item in page["Items"]]

    def _build_item(self, action: Action) -> Any:
        texts = {name: getattr(action, name) for name in _TEXTS}
        return {
            "id": self._id,
            "version": {"N": str(round(action.at * 1000))},
            "counts": {"S": orjson.dumps(action.counts).decode()},
            **{name: {"S": text} for name, text in texts.items()},
        }


_TEXTS = ("name", "by", "note", "selection", "reason", "outcome")


def _read_item(item: Any) -> Action:
    texts = {name: item[name]["S"] for name in _TEXTS}
    return Action(at=int(item["version"]["N"]) / 1000, counts=orjson.loads(item["counts"]["S"]), **texts)


@contextmanager
def audited(trail: AuditTrail, action: Action) -> Iterator[Counter[str]]:
    """Keep a line of what happens in the block, which fills the counts and may set ``interrupted``."""
    begun = trail.write(action)
    counts: Counter[str] = Counter()
    outcome = "failed"
    try:
        yield counts
        outcome = INTERRUPTED if counts.pop(INTERRUPTED, 0) else "done"
    except KeyboardInterrupt:
        outcome = INTERRUPTED
        raise
    finally:
        trail.write(replace(begun, outcome=outcome, counts=dict(counts)))
