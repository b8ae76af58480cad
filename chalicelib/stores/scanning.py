"""Read a whole table page by page, over several requests if one has not the time."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_AGE_SECONDS = 300.0
"""Pages that were read so long ago are read again."""


@dataclass(slots=True)
class Scan:
    """``since``: the newest publication before the first page. Later ones may have changed what was read."""

    table: str
    since: int
    items: list[Any] = field(default_factory=list)
    was_interrupted: bool = False
    _next: Any = None
    _started_at: float = field(default_factory=time.monotonic)

    @property
    def is_usable(self) -> bool:
        return time.monotonic() - self._started_at < MAX_AGE_SECONDS

    def run(self, client: "DynamoDBClient") -> None:
        """Adds all pages that are missing to ``items``. If a call fails, call it again: it goes on there."""
        try:
            while True:
                start: Any = {"ExclusiveStartKey": self._next} if self._next else {}
                page = client.scan(TableName=self.table, ConsistentRead=True, **start)
                self.items += page["Items"]
                self._next = page.get("LastEvaluatedKey")
                if not self._next:
                    return
        except BaseException:
            self.was_interrupted = True
            raise
