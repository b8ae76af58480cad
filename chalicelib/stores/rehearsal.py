"""Prepared answers in place of AWS's: a container can run its own code before its first request."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

Definitions = Mapping[str, Sequence[Mapping[str, Any]]]
"""Tables with the definitions in them."""


@contextmanager
def rehearse(clients: "Clients", definitions: Definitions) -> Iterator[None]:
    """Calls are built, signed and read as ever, but none is sent. Other tables are empty."""
    rows = {
        table: {document["key"]: _make_row(document) for document in documents}
        for table, documents in definitions.items()
    }

    def answer(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse
        from botocore.compat import HTTPHeaders

        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        text = json.dumps(_answer(operation, json.loads(request.body), rows))
        return AWSResponse(request.url, 200, HTTPHeaders(), _Body(text.encode()))

    events = [client.meta.events for client in (clients.dynamodb, clients.kinesis)]
    for each in events:
        each.register_first("before-send", answer)
    try:
        yield
    finally:
        for each in events:
            each.unregister("before-send", answer)


class _Body(BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _make_row(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": {"S": document["key"]},
        "definition": {"S": json.dumps(document)},
        "status": {"S": "active"},
        "version": {"N": "1"},
    }


def _answer(operation: str, request: Any, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    table = rows.get(request.get("TableName"), {})
    if operation == "GetItem":
        row = table.get(request["Key"]["id"]["S"])
        return {"Item": row} if row else {}
    if operation == "PutRecords":
        accepted = {"SequenceNumber": "1", "ShardId": "shardId-0"}
        return {"FailedRecordCount": 0, "Records": [accepted] * len(request["Records"])}
    return {"Items": [*table.values()], "Responses": {}}  # each operation reads the one or the other
