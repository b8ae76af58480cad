"""A stream in memory with the shards, parents and iterators of a real one."""

from dataclasses import dataclass, field

from realtime.local.delivery import Record
from realtime.local.streams import Page, Position, Shard

ARN = "arn:aws:kinesis:us-east-1:000000000000:stream/events"


@dataclass
class _Contents:
    shard: Shard
    records: list[Record] = field(default_factory=list)
    open: bool = True


class MemoryKinesis:
    arn = ARN

    def __init__(self, shards: int = 1, *, now: float = 0.0) -> None:
        self.now = now
        self.reads = self.listings = 0
        self.expired: set[str] = set()  # iterators that are answered with "expired"
        self._sequence = 0
        self._shards: dict[str, _Contents] = {}
        for _ in range(shards):
            self._add()

    def put(self, *texts: str, shard: int = 0, size: int = 100) -> list[str]:
        contents = self._shards[f"shard-{shard}"]
        assert contents.open
        numbers = []
        for text in texts:
            self._sequence += 1
            number = str(self._sequence)  # no leading zeros: "10" sorts before "9" as a text
            event = {"text": text, "kinesis": {"sequenceNumber": number}}
            contents.records.append(Record(number, self.now, size, event))
            numbers.append(number)
        return numbers

    def split(self, shard: int) -> None:
        self._shards[f"shard-{shard}"].open = False
        self._add(f"shard-{shard}")
        self._add(f"shard-{shard}")

    def merge(self, first: int, second: int) -> None:
        self._shards[f"shard-{first}"].open = self._shards[f"shard-{second}"].open = False
        self._add(f"shard-{first}", f"shard-{second}")

    def list_shards(self) -> list[Shard]:
        self.listings += 1
        return [contents.shard for contents in reversed(self._shards.values())]  # children first

    def get_iterator(self, shard: str, after: str | None, position: Position) -> str | None:
        records = self._shards[shard].records
        if after:
            return str(next(i + 1 for i, record in enumerate(records) if record.sequence_number == after))
        return str(len(records) if position == "LATEST" else 0)

    def read(self, shard: str, iterator: str, limit: int) -> Page | None:
        self.reads += 1
        if iterator in self.expired:
            self.expired.remove(iterator)
            return None
        contents, start = self._shards[shard], int(iterator)
        records = tuple(contents.records[start : start + limit])
        end = start + len(records)
        at_tip = end == len(contents.records)
        return Page(records, None if at_tip and not contents.open else str(end), at_tip)

    def _add(self, *parents: str) -> None:
        shard = Shard(f"shard-{len(self._shards)}", parents)
        self._shards[shard.id] = _Contents(shard)
