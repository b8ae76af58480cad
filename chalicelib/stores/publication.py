"""The writes of one publish: one transaction if it fits, else a claim, parts, and the publication last.

Rows that parts have written are in force once the publication is there. Until then readers take the version
that each row names as ``previous``. If the publication never comes, `take_back` restores the rows.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
        self._origin = DefinitionRow(
            "flag", "", "", "", version, format_timestamp(now), published_by=by, published_note=note
        )
        self._owner = uuid.uuid4().hex

    def make_transactions(self, definitions: Sequence[DefinitionRow]) -> Iterator[list[Any]]:
        """Write each before you ask for the next."""
        parts = list(_split(definitions))
        if len(parts) <= 1:
            yield [self._put_publication(definitions), self._check_unclaimed(), *self._put_all(definitions)]
            return
        yield [self._check_next(), self._put_claim(UNCLAIMED)]
        for part in parts:
            yield [{"ConditionCheck": self._require_claim()}, *self._put_all(part)]
        yield [self._put_publication(definitions), {"Delete": self._require_claim()}]

    def take_back_expired(self, client: "DynamoDBClient") -> Any:
        """Takes back what an earlier publisher has written who died before it was done.

        Returns the claim of another who is at work, or None.
        """
        claim = client.get_item(TableName=self._publications, Key=CLAIM, ConsistentRead=True).get("Item")
        if claim and float(claim["until"]["N"]) < self._now:
            self.take_back(client)
            return None
        return claim

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
            {"Update": _update(self._tables[kind], item["id"]["S"], values)},
            {"Delete": undone},
        ]

    def _put_publication(self, definitions: Sequence[DefinitionRow]) -> Any:
        return put_publication(
            self._publications, self._origin, definitions if len(definitions) <= NAMED_CHANGES else None
        )

    def _check_next(self) -> Any:
        check = {"Key": self._key("publication"), "ConditionExpression": "attribute_not_exists(id)"}
        return {"ConditionCheck": {"TableName": self._publications, **check}}

    def _put_all(self, definitions: Sequence[DefinitionRow]) -> Iterator[Any]:
        for definition in definitions:
            row = replace(
                definition,
                version=self._version,
                published_at=self._origin.published_at,
                published_by=self._origin.published_by,
                published_note=self._origin.published_note,
            )
            yield {"Update": _update(self._tables[row.kind], row.key, _build_values(row), keep_previous=True)}
            yield put_version(self._publications, row)

    def _put_claim(self, condition: Mapping[str, Any]) -> Any:
        """Expires, so that a publisher that died does not lock out all others."""
        item = {**CLAIM, "owner": {"S": self._owner}, "until": {"N": str(self._now + CLAIM_SECONDS)}}
        return {"Put": {"TableName": self._publications, "Item": item, **condition}}

    def _check_unclaimed(self) -> Any:
        return {"ConditionCheck": {"TableName": self._publications, "Key": CLAIM, **UNCLAIMED}}

    def _require_claim(self) -> dict[str, Any]:
        return {
            "TableName": self._publications,
            "Key": CLAIM,
            "ConditionExpression": "#owner = :owner",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":owner": {"S": self._owner}},
        }

    def _key(self, item_id: str) -> dict[str, Any]:
        return build_key(item_id, self._version)


CLAIM: dict[str, Any] = {"id": {"S": "claim"}, "version": {"N": "0"}}
UNCLAIMED = {"ConditionExpression": "attribute_not_exists(id)"}
_ATTRIBUTES = ("definition", "status", "version", "updated_at", "previous")


def put_publication(table: str, origin: DefinitionRow, changed: Sequence[DefinitionRow] | None) -> Any:
    """``origin`` has the version, and who published it when. ``changed`` None: anything may have changed."""
    item: dict[str, Any] = {**build_key("publication", origin.version), **_build_origin(origin)}
    if changed is not None:
        changes = [{"kind": {"S": row.kind}, "key": {"S": row.key}} for row in changed]
        item["changes"] = {"L": [{"M": change} for change in changes]}
    return {"Put": {"TableName": table, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}}


def put_version(table: str, row: DefinitionRow) -> Any:
    """One version of one definition, in the history."""
    item = {
        **build_key(f"{row.kind}/{row.key}", row.version),
        "definition": {"S": row.text},
        "status": {"S": row.status},
        **_build_origin(row),
    }
    return {"Put": {"TableName": table, "Item": item}}


def update_first(table: str, row: DefinitionRow) -> Any:
    """The row of a definition of which no version was in force before.

    An update, since the platform keeps attributes of its own in the same row.
    """
    return {"Update": _update(table, row.key, {**_build_values(row), "previous": {"N": "0"}})}


def clear_row(table: str, key: str) -> Any:
    """Removes what this service wrote; the platform's attributes stay."""
    return {"Update": _update(table, key, {})}


def build_key(item_id: str, version: int) -> dict[str, Any]:
    return {"id": {"S": item_id}, "version": {"N": str(version)}}


def _build_origin(row: DefinitionRow) -> dict[str, Any]:
    origin: dict[str, Any] = {
        "published_at": {"S": row.published_at},
        "published_by": {"S": row.published_by},
    }
    return origin | ({"published_note": {"S": row.published_note}} if row.published_note else {})


def _build_values(row: DefinitionRow) -> dict[str, Any]:
    values: dict[str, Any] = {
        "status": {"S": row.status},
        "version": {"N": str(row.version)},
        "updated_at": {"S": row.published_at},
    }
    return values | ({"definition": {"S": row.text}} if row.text else {})


def _update(table: str, key: str, values: Mapping[str, Any], *, keep_previous: bool = False) -> Any:
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
        "Key": {"id": {"S": key}},
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
