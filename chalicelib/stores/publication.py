"""The writes of one publish: one transaction if it fits, else a claim, parts, and the publication last.

Rows that parts have written are in force once the publication is there. Until then readers take the version
that each row names as ``previous``. If the publication never comes, `take_back` restores the rows.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chalicelib.domain.definitions.model import Approval, DefinitionKind, DefinitionRow
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.stores.proposal_items import check_open, close_as_approved
from chalicelib.stores.publication_items import (
    build_key,
    build_values,
    put_publication,
    put_version,
    update_row,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PER_TRANSACTION = 48
"""Definitions. Each is two items, beside publication, claim and proposal; DynamoDB takes 100 items."""
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
        approval: Approval | None = None,
    ) -> None:
        self._tables = tables
        self._publications = publications
        self._version = version
        self._now = now
        self._origin = DefinitionRow(
            "flag", "", "", "", version, format_timestamp(now), published_by=by, published_note=note
        )
        self._approval = approval
        self._owner = uuid.uuid4().hex

    def make_transactions(self, definitions: Sequence[DefinitionRow]) -> Iterator[list[Any]]:
        """Write each before you ask for the next."""
        parts = list(_split(definitions))
        if len(parts) <= 1:
            first = [self._put_publication(definitions), self._check_unclaimed(), *self._approve()]
            yield [*first, *self._put_all(definitions)]
            return
        yield [self._check_next(), self._put_claim(UNCLAIMED), *self._check_approvable()]
        for part in parts:
            yield [{"ConditionCheck": self._require_claim()}, *self._put_all(part)]
        last = [self._put_publication(definitions), {"Delete": self._require_claim()}]
        yield [*last, *self._approve()]

    def _approve(self) -> list[Any]:
        if self._approval is None:
            return []
        return [close_as_approved(self._publications, self._approval, self._origin)]

    def _check_approvable(self) -> list[Any]:
        """Nothing is written in vain."""
        return [] if self._approval is None else [check_open(self._publications, self._approval.number)]

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
            {"Update": update_row(self._tables[kind], item["id"]["S"], values)},
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
            yield {
                "Update": update_row(self._tables[row.kind], row.key, build_values(row), keep_previous=True)
            }
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


def _split(definitions: Sequence[DefinitionRow]) -> Iterator[Sequence[DefinitionRow]]:
    start, size = 0, 0
    for index, definition in enumerate(definitions):
        size += len(definition.text.encode())
        if index > start and (size > BYTES_PER_TRANSACTION or index - start == PER_TRANSACTION):
            yield definitions[start:index]
            start, size = index, len(definition.text.encode())
    if definitions:
        yield definitions[start:]
