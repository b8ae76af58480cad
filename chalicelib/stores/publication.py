"""The writes of one publish: one transaction if it fits, else a claim, parts, and the publication last."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.definitions import Definition, DefinitionKind
from chalicelib.domain.instants import iso

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
        self._origin: dict[str, Any] = {"published_at": {"S": iso(now)}, "published_by": {"S": by}}

    def transactions(self, definitions: Sequence[Definition]) -> Iterator[list[Any]]:
        """Each to be written before the next is asked for."""
        parts = list(_parts(definitions))
        if len(parts) <= 1:
            yield [self._publication(definitions), self._nobody_claims(), *self._writes(definitions)]
            return
        owner = uuid.uuid4().hex
        yield [self._is_next(), self._claim(owner)]
        for part in parts:
            yield [{"ConditionCheck": self._claimed(owner)}, *self._writes(part)]
        yield [self._publication(definitions), {"Delete": self._claimed(owner)}]

    def _publication(self, definitions: Sequence[Definition]) -> Any:
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

    def _writes(self, definitions: Sequence[Definition]) -> Iterator[Any]:
        for definition in definitions:
            yield self._row(definition)
            yield self._history(definition)

    def _row(self, definition: Definition) -> Any:
        """An update, as the platform keeps attributes of its own in the same row."""
        values = {
            "status": {"S": definition.status},
            "version": {"N": str(self._version)},
            "updated_at": self._origin["published_at"],
        }
        if definition.text:
            values["definition"] = {"S": definition.text}
        remove = "" if definition.text else " REMOVE #definition"
        return {
            "Update": {
                "TableName": self._tables[definition.kind],
                "Key": {"id": {"S": definition.key}},
                "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values) + remove,
                "ExpressionAttributeNames": {f"#{name}": name for name in [*values, "definition"]},
                "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
            }
        }

    def _history(self, definition: Definition) -> Any:
        item = {
            **self._key(f"{definition.kind}/{definition.key}"),
            "definition": {"S": definition.text},
            "status": {"S": definition.status},
            **self._origin,
        }
        return {"Put": {"TableName": self._publications, "Item": item}}

    def _claim(self, owner: str) -> Any:
        """Expires, so that a publisher that died does not lock out all others."""
        item = {**_CLAIM, "owner": {"S": owner}, "until": {"N": str(self._now + CLAIM_SECONDS)}}
        return {"Put": {"TableName": self._publications, "Item": item, **self._free()}}

    def _nobody_claims(self) -> Any:
        return {"ConditionCheck": {"TableName": self._publications, "Key": _CLAIM, **self._free()}}

    def _free(self) -> dict[str, Any]:
        return {
            "ConditionExpression": "attribute_not_exists(id) OR #until < :now",
            "ExpressionAttributeNames": {"#until": "until"},
            "ExpressionAttributeValues": {":now": {"N": str(self._now)}},
        }

    def _claimed(self, owner: str) -> dict[str, Any]:
        return {
            "TableName": self._publications,
            "Key": _CLAIM,
            "ConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": {"S": owner}},
        }

    def _key(self, item_id: str) -> dict[str, Any]:
        return {"id": {"S": item_id}, "version": {"N": str(self._version)}}


_CLAIM: dict[str, Any] = {"id": {"S": "claim"}, "version": {"N": "0"}}


def _parts(definitions: Sequence[Definition]) -> Iterator[Sequence[Definition]]:
    start, size = 0, 0
    for index, definition in enumerate(definitions):
        size += len(definition.text.encode())
        if index > start and (size > BYTES_PER_TRANSACTION or index - start == PER_TRANSACTION):
            yield definitions[start:index]
            start, size = index, len(definition.text.encode())
    if definitions:
        yield definitions[start:]
