"""Webhooks, one item each in the publications table: ``id`` is ``webhook``, ``version`` its number."""

from typing import TYPE_CHECKING, Any

from chalicelib.domain.webhooks import Delivery, Webhook
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

_ID = {"S": "webhook"}


class WebhookStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def add(self, webhook: Webhook) -> None:
        item: dict[str, Any] = {
            **_key(webhook.number),
            "url": {"S": webhook.url},
            "events": {"L": [{"S": event} for event in webhook.events]},
            "secret": {"S": webhook.secret},
            "created": {"S": webhook.created},
        }
        condition = "attribute_not_exists(id)"
        self._clients.dynamodb.put_item(TableName=self._table, Item=item, ConditionExpression=condition)

    @guarded
    def get(self, number: int) -> Webhook | None:
        answer = self._clients.dynamodb.get_item(TableName=self._table, Key=_key(number), ConsistentRead=True)
        return _read(answer["Item"]) if "Item" in answer else None

    @guarded
    def get_all(self) -> list[Webhook]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": _ID},
            ConsistentRead=True,
        )
        found = [_read(item) for page in pages for item in page["Items"]]
        return sorted(found, key=lambda webhook: (webhook.created, webhook.number))

    @guarded
    def remove(self, number: int) -> bool:
        answer = self._clients.dynamodb.delete_item(
            TableName=self._table, Key=_key(number), ReturnValues="ALL_OLD"
        )
        return "Attributes" in answer

    @guarded
    def set_last_delivery(self, number: int, delivery: Delivery) -> None:
        value: dict[str, Any] = {"at": {"S": delivery.at}, "error": {"S": delivery.error}}
        if delivery.status is not None:
            value["status"] = {"N": str(delivery.status)}
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key=_key(number),
                UpdateExpression="SET last_delivery = :delivery",
                ConditionExpression="attribute_exists(id)",
                ExpressionAttributeValues={":delivery": {"M": value}},
            )
        except self._clients.dynamodb.exceptions.ConditionalCheckFailedException:
            return


def _key(number: int) -> Any:
    return {"id": _ID, "version": {"N": str(number)}}


def _read(item: Any) -> Webhook:
    delivery = item["last_delivery"]["M"] if "last_delivery" in item else None
    return Webhook(
        number=int(item["version"]["N"]),
        url=item["url"]["S"],
        events=tuple(event["S"] for event in item["events"]["L"]),
        secret=item["secret"]["S"],
        created=item["created"]["S"],
        last_delivery=delivery
        and Delivery(
            delivery["at"]["S"],
            int(delivery["status"]["N"]) if "status" in delivery else None,
            delivery["error"]["S"],
        ),
    )
