"""DynamoDB's and Kinesis's wire protocol with their latencies, and nothing behind it: no limit of its own.

It knows the calls that decisions and events make, and answers each after a time like AWS's. It evaluates no
conditions but "does the row exist", and has no streams: what it measures is the service, not the store.

    python -m loadtests.load.dynamodb_stub < tables.json
"""

import asyncio
import json
import math
import random
import re
import sys
from collections.abc import Callable
from typing import Any

import orjson

Json = dict[str, Any]
LATENCIES = {
    "GetItem": (3.0, 10.0),
    "BatchGetItem": (5.0, 15.0),
    "Query": (4.0, 12.0),
    "Scan": (8.0, 25.0),
    "PutItem": (5.0, 15.0),
    "BatchWriteItem": (8.0, 25.0),
    "PutRecords": (12.0, 40.0),
}
"""Median and P99 in milliseconds, by operation: of the order of what CloudWatch shows in one region."""
_HEAD = re.compile(rb"(?i)x-amz-target: *(?:\S+\.)?(\w+)|content-length: *(\d+)")


class Tables:
    """Items by table and key. ``items`` are lists of items, as Scan returns them, by table."""

    def __init__(self, items: dict[str, list[Json]]) -> None:
        self._published = items  # of the publications, several have one id
        self._items = {table: {row["id"]["S"]: row for row in rows} for table, rows in items.items()}

    def answer(self, operation: str, request: Json) -> tuple[int, Json]:
        call: Callable[[Json], tuple[int, Json]] | None = getattr(self, f"_{operation}", None)
        if call is None:
            return 400, {"__type": "UnknownOperationException", "message": f"the stub has no {operation}"}
        return call(request)

    def _GetItem(self, request: Json) -> tuple[int, Json]:  # noqa: N802 - as AWS names it, and all below
        item = self._get(request["TableName"], request["Key"])
        return 200, {"Item": item} if item else {}

    def _BatchGetItem(self, request: Json) -> tuple[int, Json]:  # noqa: N802
        found = {
            table: [item for key in wanted["Keys"] if (item := self._get(table, key))]
            for table, wanted in request["RequestItems"].items()
        }
        return 200, {"Responses": found, "UnprocessedKeys": {}}

    def _PutItem(self, request: Json) -> tuple[int, Json]:  # noqa: N802
        item, table = request["Item"], self._items.setdefault(request["TableName"], {})
        old = table.get(item["id"]["S"])
        if old and request.get("ConditionExpression") == "attribute_not_exists(id)":
            return 400, {"__type": "ConditionalCheckFailedException", "message": "it exists", "Item": old}
        table[item["id"]["S"]] = item
        return 200, {}

    def _Query(self, request: Json) -> tuple[int, Json]:  # noqa: N802
        """Of the publications, newest first."""
        values = request["ExpressionAttributeValues"]
        after = int(values.get(":version", {"N": "0"})["N"])
        items = [
            item
            for item in self._published.get(request["TableName"], ())
            if item["id"] == values[":id"] and int(item["version"]["N"]) > after
        ]
        items.sort(key=lambda item: -int(item["version"]["N"]))
        return 200, {"Items": items[: request.get("Limit", len(items))], "Count": len(items)}

    def _Scan(self, request: Json) -> tuple[int, Json]:  # noqa: N802
        items = list(self._items.get(request["TableName"], {}).values())
        return 200, {"Items": items, "Count": len(items)}

    def _BatchWriteItem(self, _request: Json) -> tuple[int, Json]:  # noqa: N802
        return 200, {"UnprocessedItems": {}}

    def _PutRecords(self, request: Json) -> tuple[int, Json]:  # noqa: N802
        records = [{"SequenceNumber": "1", "ShardId": "shardId-000000000000"} for _ in request["Records"]]
        return 200, {"FailedRecordCount": 0, "Records": records}

    def _get(self, table: str, key: Json) -> Json | None:
        return self._items.get(table, {}).get(key["id"]["S"])


class Connection(asyncio.Protocol):
    def __init__(self, tables: Tables, chance: random.Random) -> None:
        self._tables, self._chance, self._data = tables, chance, b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # asyncio's habit
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, mark, rest = self._data.partition(b"\r\n\r\n")
        found = {kind: match[kind] for match in _HEAD.finditer(head) for kind in (1, 2) if match[kind]}
        length = int(found.get(2, 0))
        if not mark or len(rest) < length:
            return
        self._data = rest[length:]
        operation = found.get(1, b"").decode()
        status, answer = (
            self._tables.answer(operation, orjson.loads(rest[:length])) if operation else (404, {})
        )
        asyncio.get_running_loop().call_later(self._draw_seconds(operation), self._send, status, answer)

    def _draw_seconds(self, operation: str) -> float:
        median, p99 = LATENCIES.get(operation, (5.0, 15.0))
        return self._chance.lognormvariate(math.log(median), math.log(p99 / median) / 2.33) / 1000

    def _send(self, status: int, answer: Json) -> None:
        body = orjson.dumps(answer)
        head = (
            f"HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}"
        )
        self._transport.write(head.encode() + b"\r\n\r\n" + body)


async def serve(tables: Tables) -> None:
    """Print the port, and serve until standard input ends."""
    loop, chance = asyncio.get_running_loop(), random.Random(1)
    server = await loop.create_server(lambda: Connection(tables, chance), "127.0.0.1", 0, backlog=256)
    async with server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.buffer.read)


if __name__ == "__main__":
    asyncio.run(serve(Tables(json.loads(sys.stdin.buffer.readline()))))
