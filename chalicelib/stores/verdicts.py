"""A shard's latest decisions: one item in the counters table, ``id`` = ``$shard``/stream/shard."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.stream.verdicts import Decisions, pack, unpack
from chalicelib.stores.conditions import refused
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class DecisionStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def read(self, shard: str, positions: Sequence[str]) -> Decisions | None:
        """What stands about ``positions``, strongly consistent."""
        item: Any = self._clients.dynamodb.get_item(
            TableName=self._table, Key=_key(shard), ConsistentRead=True
        ).get("Item")
        return _decisions(item, positions) if item else None

    @guarded
    def write(
        self, shard: str, decisions: Decisions, replaced: Decisions | None, positions: Sequence[str]
    ) -> Decisions | None:
        """None, or the decisions that forbid it: later ones, or others than ``replaced``."""
        values: Any = {":first": {"S": decisions.first}}
        condition = "attribute_not_exists(#last) OR #last < :first"
        if replaced is not None:
            condition = "#first = :first AND #last = :last"
            values = {":first": {"S": replaced.first}, ":last": {"S": replaced.last}}
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table,
                Item={
                    **_key(shard),
                    "first": {"S": decisions.first},
                    "last": {"S": decisions.last},
                    "decided": {"B": pack(decisions, positions)},
                },
                ConditionExpression=condition,
                ExpressionAttributeNames={"#last": "last"} | ({"#first": "first"} if replaced else {}),
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return _decisions(refused(error), positions)
        return None


def _key(shard: str) -> Any:
    return {"id": {"S": f"$shard/{shard}"}, "counter": {"S": "decisions"}}


def _decisions(item: Any, positions: Sequence[str]) -> Decisions:
    return unpack(item["first"]["S"], item["last"]["S"], item["decided"]["B"], positions)
