"""Read the published versions of definitions: items ``experiment/KEY``, ``flag/KEY`` and ``segment/KEY``."""

from collections.abc import Iterator
from math import inf
from typing import TYPE_CHECKING, Any, cast

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.timestamps import parse_timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def read_history(
    client: "DynamoDBClient", table: str, kind: DefinitionKind, key: str
) -> Iterator[DefinitionRow]:
    """Newest first, a page at a time."""
    return (read_row(kind, key, item) for item in _query(client, table, f"{kind}/{key}"))


def read_versions(client: "DynamoDBClient", table: str) -> list[DefinitionRow]:
    """Of all definitions, in any order."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        FilterExpression="attribute_exists(#definition)",
        ExpressionAttributeNames={"#definition": "definition"},
        ConsistentRead=True,
    )
    rows = []
    for page in pages:
        for item in page["Items"]:
            kind, _, key = item["id"]["S"].partition("/")
            rows.append(read_row(cast(DefinitionKind, kind), key, item))
    return rows


def read_versions_since(
    client: "DynamoDBClient", table: str, kind: DefinitionKind, since: float
) -> list[DefinitionRow]:
    """See `Definitions.get_versions_since`."""
    keys = _find_changed_keys(client, table, kind, since)
    if keys is None:
        return [row for row in read_versions(client, table) if row.kind == kind]
    rows = []
    for key in keys:
        for row in read_history(client, table, kind, key):
            rows.append(row)
            if parse_timestamp(row.published_at) <= since:
                break
    return rows


def _find_changed_keys(
    client: "DynamoDBClient", table: str, kind: DefinitionKind, since: float
) -> set[str] | None:
    """None: a publication was too large to list what it changed, or ``since`` has no bound."""
    if since == -inf:
        return None
    keys: set[str] = set()
    for item in _query(client, table, "publication"):
        if parse_timestamp(item["published_at"]["S"]) <= since:
            break
        if "changes" not in item:
            return None
        changes = (change["M"] for change in item["changes"]["L"])
        keys |= {change["key"]["S"] for change in changes if change["kind"]["S"] == kind}
    return keys


def _query(client: "DynamoDBClient", table: str, item_id: str) -> Iterator[Any]:
    pages = client.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": item_id}},
        ScanIndexForward=False,
    )
    return (item for page in pages for item in page["Items"])


def read_version(item: Any) -> int:
    """0 in an item that something else has written, without a version or with one of another type."""
    try:
        return int(item["version"]["N"])
    except (KeyError, ValueError):
        return 0


def read_row(kind: DefinitionKind, key: str, item: Any) -> DefinitionRow:
    def text(name: str) -> str:
        value: str = item.get(name, {}).get("S", "")
        return value

    return DefinitionRow(
        kind,
        key,
        text("definition"),
        text("status"),
        read_version(item),
        published_at=text("published_at") or text("updated_at"),
        published_by=text("published_by"),
        published_note=text("published_note"),
    )
