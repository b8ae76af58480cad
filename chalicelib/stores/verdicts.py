"""A shard's latest verdicts: one item in the counters table, ``id`` = ``$shard``/stream/shard."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.stream.verdicts import Verdicts, pack, unpack
from chalicelib.stores.conditions import get_existing_item
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class VerdictStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def read(self, shard: str, positions: Sequence[str]) -> Verdicts | None:
        item: Any = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_key(shard), ConsistentRead=True
        ).get("Item")
        return _parse_item(item, positions) if item else None

    @guarded
    def write(
        self, shard: str, verdicts: Verdicts, replaced: Verdicts | None, positions: Sequence[str]
    ) -> Verdicts | None:
        values: Any = {":first": {"S": verdicts.first}}
        condition = "attribute_not_exists(#last) OR #last < :first"
        if replaced is not None:
            condition = "#first = :first AND #last = :last"
            values = {":first": {"S": replaced.first}, ":last": {"S": replaced.last}}
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item={
                    **_key(shard),
                    "first": {"S": verdicts.first},
                    "last": {"S": verdicts.last},
                    "decided": {"B": pack(verdicts, positions)},
                },
                ConditionExpression=condition,
                ExpressionAttributeNames={"#last": "last"} | ({"#first": "first"} if replaced else {}),
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return _parse_item(get_existing_item(error), positions)
        return None


def _key(shard: str) -> Any:
    return {"id": {"S": f"$shard/{shard}"}, "counter": {"S": "decisions"}}


def _parse_item(item: Any, positions: Sequence[str]) -> Verdicts:
    return unpack(item["first"]["S"], item["last"]["S"], item["decided"]["B"], positions)
