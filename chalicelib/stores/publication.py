"""The writes of one publish: one transaction if it fits, else a claim, parts, and the publication last.

What parts have written is in force when the publication is there: until then readers take the version that
each row names as ``previous``. If it never comes, `take_back` restores them.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.timestamps import format_timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PER_TRANSACTION = 48
"""Definitions, two items each, beside the publication and the claim: DynamoDB takes 100 items…"""
BYTES_PER_TRANSACTION = 1_500_000  # … and 4 MB, which each text counts twice for
CLAIM_SECONDS = 300
NAMED_CHANGES = 1000
"""More than these are not listed in their publication: an item has 400 KB."""


class Publication:
    def __init__(
        self, tables: Mapping[DefinitionKind, str], publications: str, version: int, now: float, by: str
    ) -> None:
        self._tables = tables
        self._publications = publications
        self._version = version
        self._now = now
        self._origin: dict[str, Any] = {
            "published_at": {"S": format_timestamp(now)},
            "published_by": {"S": by},
        }
        self._owner = uuid.uuid4().hex

    def transactions(self, definitions: Sequence[DefinitionRow]) -> Iterator[list[Any]]:
        """Each to be written before the next is asked for."""
        parts = list(_parts(definitions))
        if len(parts) <= 1:
            yield [self._publication(definitions), self._nobody_claims(), *self._writes(definitions)]
            return
        yield [self._is_next(), self._claim(_NOBODY)]
        for part in parts:
            yield [{"ConditionCheck": self._claimed()}, *self._writes(part)]
        yield [self._publication(definitions), {"Delete": self._claimed()}]

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
        client.transact_write_items(TransactItems=[self._is_next(), self._claim(mine_or_expired)])
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
        claimed: Any = self._claimed()
        client.delete_item(**claimed)

    def _restore(self, client: "DynamoDBClient", kind: DefinitionKind, item: Any) -> Any:
        name = {"S": f"{kind}/{item['id']['S']}"}
        former: Any = {"id": name, "version": item["previous"]}
        old = client.get_item(TableName=self._publications, Key=former, ConsistentRead=True).get("Item")
        values = {}
        if old is not None:
            values = {"status": old["status"], "version": old["version"], "updated_at": old["published_at"]}
            if old["definition"]["S"]:
                values["definition"] = old["definition"]
        undone: Any = {"TableName": self._publications, "Key": self._key(name["S"])}
        return [
            {"ConditionCheck": self._claimed()},
            {"Update": _update(self._tables[kind], item["id"], values)},
            {"Delete": undone},
        ]

    def _publication(self, definitions: Sequence[DefinitionRow]) -> Any:
        item: dict[str, Any] = {**self._key("publication"), **self._origin}
        if len(definitions) <= NAMED_CHANGES:
            changes = [{"kind": {"S": one.kind}, "key": {"S": one.key}} for one in definitions]
            item["changes"] = {"L": [{"M": change} for change in changes]}
        return {
            "Put": {
                "TableName": self._publications,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    def _is_next(self) -> Any:
        check = {"Key": self._key("publication"), "ConditionExpression": "attribute_not_exists(id)"}
        return {"ConditionCheck": {"TableName": self._publications, **check}}

    def _writes(self, definitions: Sequence[DefinitionRow]) -> Iterator[Any]:
        for definition in definitions:
            yield self._row(definition)
            yield self._history(definition)

    def _row(self, definition: DefinitionRow) -> Any:
        """An update, as the platform keeps attributes of its own in the same row."""
        values = {
            "status": {"S": definition.status},
            "version": {"N": str(self._version)},
            "updated_at": self._origin["published_at"],
        }
        if definition.text:
            values["definition"] = {"S": definition.text}
        table = self._tables[definition.kind]
        return {"Update": _update(table, {"S": definition.key}, values, remember=True)}

    def _history(self, definition: DefinitionRow) -> Any:
        item = {
            **self._key(f"{definition.kind}/{definition.key}"),
            "definition": {"S": definition.text},
            "status": {"S": definition.status},
            **self._origin,
        }
        return {"Put": {"TableName": self._publications, "Item": item}}

    def _claim(self, condition: Mapping[str, Any]) -> Any:
        """Expires, so that a publisher that died does not lock out all others."""
        item = {**CLAIM, "owner": {"S": self._owner}, "until": {"N": str(self._now + CLAIM_SECONDS)}}
        return {"Put": {"TableName": self._publications, "Item": item, **condition}}

    def _nobody_claims(self) -> Any:
        return {"ConditionCheck": {"TableName": self._publications, "Key": CLAIM, **_NOBODY}}

    def _claimed(self) -> dict[str, Any]:
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
_NOBODY = {"ConditionExpression": "attribute_not_exists(id)"}
_OURS = ("definition", "status", "version", "updated_at", "previous")


def _update(table: str, row: Any, values: Mapping[str, Any], *, remember: bool = False) -> Any:
    """Of our attributes, those in ``values`` are set and the others removed; the platform's own stay.

    ``remember``: the version that was there before becomes ``previous``.
    """
    sets = [f"#{name} = :{name}" for name in values]
    if remember:
        sets.append("#previous = if_not_exists(#version, :none)")
        values = {**values, "none": {"N": "0"}}
    gone = [f"#{name}" for name in _OURS if name not in values and not (remember and name == "previous")]
    expression = (f"SET {', '.join(sets)} " if sets else "") + (f"REMOVE {', '.join(gone)}" if gone else "")
    update = {
        "TableName": table,
        "Key": {"id": row},
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {f"#{name}": name for name in _OURS},
    }
    if values:
        update["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return update


def _parts(definitions: Sequence[DefinitionRow]) -> Iterator[Sequence[DefinitionRow]]:
    start, size = 0, 0
    for index, definition in enumerate(definitions):
        size += len(definition.text.encode())
        if index > start and (size > BYTES_PER_TRANSACTION or index - start == PER_TRANSACTION):
            yield definitions[start:index]
            start, size = index, len(definition.text.encode())
    if definitions:
        yield definitions[start:]
