"""The writes of one publish: one transaction if it fits, else a claim, parts, and the publication last.

Rows that parts have written are in force once the publication is there. Until then readers take the version
that each row names as ``previous``. If the publication never comes, `take_back` restores the rows.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.timestamps import format_timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PER_TRANSACTION = 48
"""Definitions. Each is two items, beside the publication and the claim; DynamoDB takes 100 items."""
BYTES_PER_TRANSACTION = 1_500_000
"""Of texts. Each is written twice, and DynamoDB takes 4 MB."""
CLAIM_SECONDS = 300
NAMED_CHANGES = 1000
"""A publication lists at most these changes: an item has at most 400 KB."""


class Publication:
    def __init__(
        self,
        tables: Mapping[DefinitionKind, str],
        publications: str,
        version: int,
        now: float,
        by: str,
        note: str = "",
    ) -> None:
        self._tables = tables
        self._publications = publications
        self._version = version
        self._now = now
        self._origin: dict[str, Any] = {
            "published_at": {"S": format_timestamp(now)},
            "published_by": {"S": by},
        }
        if note:
            self._origin["published_note"] = {"S": note}
        self._owner = uuid.uuid4().hex

    def make_transactions(self, definitions: Sequence[DefinitionRow]) -> Iterator[list[Any]]:
        """Write each before you ask for the next."""
        parts = list(_split(definitions))
        if len(parts) <= 1:
            yield [self._put_publication(definitions), self._check_unclaimed(), *self._put_all(definitions)]
            return
        yield [self._check_next(), self._put_claim(_UNCLAIMED)]
        for part in parts:
            yield [{"ConditionCheck": self._require_claim()}, *self._put_all(part)]
        yield [self._put_publication(definitions), {"Delete": self._require_claim()}]

    def take_back(self, client: "DynamoDBClient") -> None:
        """Restores the rows of an unfinished publish of this version: this one, or one whose claim expired.

        The claim passes to another owner first, so that nothing which is still under way takes effect.
        """
        mine_or_expired = {
            "ConditionExpression": "#owner = :owner OR #until < :now",
            "ExpressionAttributeNames": {"#owner": "owner", "#until": "until"},
            "ExpressionAttributeValues": {":owner": {"S": self._owner}, ":now": {"N": str(self._now)}},
        }
        self._owner = uuid.uuid4().hex
        client.transact_write_items(TransactItems=[self._check_next(), self._put_claim(mine_or_expired)])
        for kind, table in self._tables.items():
            pages = client.get_paginator("scan").paginate(
                TableName=table,
                FilterExpression="#version = :version AND attribute_exists(previous)",
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues={":version": {"N": str(self._version)}},
                ConsistentRead=True,
            )
            for item in (item for page in pages for item in page["Items"]):
                client.transact_write_items(TransactItems=self._restore(client, kind, item))
        claim: Any = self._require_claim()
        client.delete_item(**claim)

    def _restore(self, client: "DynamoDBClient", kind: DefinitionKind, item: Any) -> Any:
        name = {"S": f"{kind}/{item['id']['S']}"}
        key: Any = {"id": name, "version": item["previous"]}
        previous = client.get_item(TableName=self._publications, Key=key, ConsistentRead=True).get("Item")
        values = {}
        if previous is not None:
            values = {name: previous[name] for name in ("status", "version")}
            values["updated_at"] = previous["published_at"]
            if previous["definition"]["S"]:
                values["definition"] = previous["definition"]
        undone: Any = {"TableName": self._publications, "Key": self._key(name["S"])}
        return [
            {"ConditionCheck": self._require_claim()},
            {"Update": _update(self._tables[kind], item["id"], values)},
            {"Delete": undone},
        ]

    def _put_publication(self, definitions: Sequence[DefinitionRow]) -> Any:
        item: dict[str, Any] = {**self._key("publication"), **self._origin}
        if len(definitions) <= NAMED_CHANGES:
            changes = [{"kind": {"S": row.kind}, "key": {"S": row.key}} for row in definitions]
            item["changes"] = {"L": [{"M": change} for change in changes]}
        return {
            "Put": {
                "TableName": self._publications,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    def _check_next(self) -> Any:
        check = {"Key": self._key("publication"), "ConditionExpression": "attribute_not_exists(id)"}
        return {"ConditionCheck": {"TableName": self._publications, **check}}

    def _put_all(self, definitions: Sequence[DefinitionRow]) -> Iterator[Any]:
        for definition in definitions:
            yield self._update_row(definition)
            yield self._put_version(definition)

    def _update_row(self, definition: DefinitionRow) -> Any:
        """An update, since the platform keeps attributes of its own in the same row."""
        values = {
            "status": {"S": definition.status},
            "version": {"N": str(self._version)},
            "updated_at": self._origin["published_at"],
        }
        if definition.text:
            values["definition"] = {"S": definition.text}
        table = self._tables[definition.kind]
        return {"Update": _update(table, {"S": definition.key}, values, keep_previous=True)}

    def _put_version(self, definition: DefinitionRow) -> Any:
        item = {
            **self._key(f"{definition.kind}/{definition.key}"),
            "definition": {"S": definition.text},
            "status": {"S": definition.status},
            **self._origin,
        }
        return {"Put": {"TableName": self._publications, "Item": item}}

    def _put_claim(self, condition: Mapping[str, Any]) -> Any:
        """Expires, so that a publisher that died does not lock out all others."""
        item = {**CLAIM, "owner": {"S": self._owner}, "until": {"N": str(self._now + CLAIM_SECONDS)}}
        return {"Put": {"TableName": self._publications, "Item": item, **condition}}

    def _check_unclaimed(self) -> Any:
        return {"ConditionCheck": {"TableName": self._publications, "Key": CLAIM, **_UNCLAIMED}}

    def _require_claim(self) -> dict[str, Any]:
        return {
            "TableName": self._publications,
            "Key": CLAIM,
            "ConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": {"S": self._owner}},
        }

    def _key(self, item_id: str) -> dict[str, Any]:
        return {"id": {"S": item_id}, "version": {"N": str(self._version)}}


CLAIM: dict[str, Any] = {"id": {"S": "claim"}, "version": {"N": "0"}}
_UNCLAIMED = {"ConditionExpression": "attribute_not_exists(id)"}
_ATTRIBUTES = ("definition", "status", "version", "updated_at", "previous")


def _update(table: str, row: Any, values: Mapping[str, Any], *, keep_previous: bool = False) -> Any:
    """Sets our attributes in ``values`` and removes our others; the platform's attributes stay.

    ``keep_previous``: the version that was there before becomes ``previous``.
    """
    sets = [f"#{name} = :{name}" for name in values]
    if keep_previous:
        sets.append("#previous = if_not_exists(#version, :none)")
        values = {**values, "none": {"N": "0"}}
    removed = [
        f"#{name}"
        for name in _ATTRIBUTES
        if name not in values and not (keep_previous and name == "previous")
    ]
    expression = (f"SET {', '.join(sets)} " if sets else "") + (
        f"REMOVE {', '.join(removed)}" if removed else ""
    )
    update = {
        "TableName": table,
        "Key": {"id": row},
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in _ATTRIBUTES},
    }
    if values:
        update["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return update


def _split(definitions: Sequence[DefinitionRow]) -> Iterator[Sequence[DefinitionRow]]:
    start, size = 0, 0
    for index, definition in enumerate(definitions):
        size += len(definition.text.encode())
        if index > start and (size > BYTES_PER_TRANSACTION or index - start == PER_TRANSACTION):
            yield definitions[start:index]
            start, size = index, len(definition.text.encode())
    if definitions:
        yield definitions[start:]
