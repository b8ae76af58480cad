"""Rows of users in DynamoDB: assignments, the platform's overrides, event ids, recent contexts."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.domain.definitions.model import Definitions
from chalicelib.stores.assignments import LINK
from chalicelib.stores.batches import batch_get
from chalicelib.stores.resilience import guarded
from realtime.user_data.lines import FORGOTTEN
from realtime.user_data.stores import Request, Row

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

Item = Mapping[str, Any]
MAX_VALUES = 100
"""That one filter expression takes."""
KEYS = 100


class Table:
    """A table whose key is ``id``."""

    def __init__(self, clients: "Clients", name: str) -> None:
        self._clients = clients
        self._name = name

    @guarded
    def get(self, ids: Iterable[str]) -> list[Item]:
        keys = ({"id": {"S": id_}} for id_ in ids)
        return list(batch_get(self._clients.dynamodb, self._name, keys, consistent=True))

    def scan(self, **condition: Any) -> Iterator[Item]:
        start: dict[str, Any] = {}
        while True:
            page = self._scan_page(condition | start)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    @guarded
    def _scan_page(self, request: dict[str, Any]) -> Any:
        return self._clients.dynamodb.scan(TableName=self._name, ConsistentRead=True, **request)

    @guarded
    def delete(self, item: Item) -> None:
        self._clients.dynamodb.delete_item(TableName=self._name, Key={"id": item["id"]})

    def make_row(self, item: Item) -> Row:
        return Row({name: _read(value) for name, value in item.items()}, partial(self.delete, item))


def find_assignments(
    table: Table, definitions: Definitions, has_to_scan: bool, request: Request
) -> Iterator[Row]:
    """By the keys of all experiments that were ever published, so also those that are removed now; and the
    links of ids.

    ``has_to_scan`` reads the whole table instead: also rows that something else has written.
    """
    ids = request.matcher.ids
    if has_to_scan:
        items: Iterable[Item] = (item for item in table.scan() if _text(item, "user_id") in ids)
    else:
        keys = [f"{experiment}#{id_}" for experiment in list_experiment_ids(definitions) for id_ in ids]
        keys += [f"{LINK}{id_}" for id_ in ids]
        items = (
            item for start in range(0, len(keys), KEYS) for item in table.get(keys[start : start + KEYS])
        )
    yield from map(table.make_row, items)


def list_experiment_ids(definitions: Definitions) -> list[str]:
    rows = (row for row in definitions.get_versions() if row.kind == "experiment" and row.text)
    return sorted({str(orjson.loads(row.text).get("id") or row.key) for row in rows})


def find_overrides(table: Table, request: Request) -> Iterator[Row]:
    """The table has testers, not users, and is read as a whole."""
    return (table.make_row(item) for item in table.scan() if _text(item, "user_id") in request.matcher.ids)


def find_event_ids(table: Table, request: Request) -> Iterator[Row]:
    """Rows whose id has the user's id as a word. The rows of others are left out by DynamoDB."""
    ids = sorted(request.matcher.ids)
    for start in range(0, len(ids), MAX_VALUES):
        values = {f":id{number}": {"S": id_} for number, id_ in enumerate(ids[start : start + MAX_VALUES])}
        condition = " OR ".join(f"contains(#id, {name})" for name in values)
        for item in table.scan(
            FilterExpression=condition,
            ExpressionAttributeNames={"#id": "id"},
            ExpressionAttributeValues=values,
        ):
            if request.matcher.is_in_text(_text(item, "id")):
                yield table.make_row(item)


def find_contexts(table: Table, request: Request) -> Iterator[Row]:
    """A kept context holds no user's id, but may hold another id of the same person, such as an e-mail."""
    for item in table.scan():
        recent = orjson.loads(_text(item, "text") or b"{}")
        context = {"context": recent.get("context")}
        if request.matcher.replace_in_event(context, lambda _: FORGOTTEN) != context:
            yield table.make_row(item)


def _text(item: Item, name: str) -> str:
    return str(item.get(name, {}).get("S", ""))


def _read(value: Mapping[str, Any]) -> Any:
    """An attribute's value: DynamoDB writes its type beside it."""
    [(kind, content)] = value.items()
    if kind == "N":
        return orjson.loads(content)
    if kind == "M":
        return {name: _read(part) for name, part in content.items()}
    if kind == "L":
        return [_read(part) for part in content]
    return content if isinstance(content, str | bool | list) else str(content)
