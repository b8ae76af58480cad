"""The trail of actions, in the table of publications."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
from botocore.exceptions import ClientError

from chalicelib.domain.audit import Action
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

ATTEMPTS = 10


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
