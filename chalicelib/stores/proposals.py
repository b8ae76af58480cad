"""Proposals in the publications table, and the item ``environment`` with the approvals that it asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import StorageUnavailable, TooLarge
from chalicelib.domain.proposals import Proposal, State
from chalicelib.stores.proposal_items import (
    ID,
    build_content_key,
    build_item,
    build_key,
    pack,
    read_item,
    unpack,
    update_open,
    write_author,
)
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

PART_BYTES = 350_000
"""Compressed. DynamoDB takes items of 400 KB, and 4 MB in one transaction."""
MAX_PARTS = 10
ATTEMPTS = 10
"""Others may propose at the same moment."""
ENVIRONMENT: dict[str, Any] = {"id": {"S": "environment"}, "version": {"N": "0"}}


class ProposalStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def add(self, proposal: Proposal, rows: Sequence[DefinitionRow]) -> Proposal:
        """One transaction writes all of it."""
        data = pack([[row.kind, row.key, row.text, row.status] for row in rows])
        parts = [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)]
        if len(parts) > MAX_PARTS:
            message = f"{len(rows):,} changes are too many for one proposal: propose them in several."
            raise TooLarge("proposal_too_large", message)
        for _ in range(ATTEMPTS):
            newest = next(self._query(), None)
            numbered = replace(proposal, number=newest.number + 1 if newest else 1)
            try:
                self._clients.dynamodb.transact_write_items(TransactItems=self._put(numbered, parts))
            except ClientError as error:
                reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
                if not reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
                    raise
            else:
                return numbered
        raise StorageUnavailable("Others propose all the time; try again.")

    def _put(self, proposal: Proposal, parts: Sequence[bytes]) -> list[Any]:
        is_new = {"ConditionExpression": "attribute_not_exists(id)"}
        contents = [
            {**build_content_key(proposal.number, number), "rows": {"B": part}}
            for number, part in enumerate(parts)
        ]
        return [
            {"Put": {"TableName": self._table, "Item": build_item(proposal), **is_new}},
            *({"Put": {"TableName": self._table, "Item": item}} for item in contents),
        ]

    @guarded
    def get(self, number: int) -> Proposal | None:
        item = self._clients.dynamodb.get_item(
            TableName=self._table, Key=build_key(number), ConsistentRead=True
        ).get("Item")
        return read_item(item) if item else None

    @guarded
    def get_rows(self, number: int) -> list[DefinitionRow]:
        data = b"".join(item["rows"]["B"] for item in self._read_contents(number))
        return [DefinitionRow(*values) for values in unpack(data)] if data else []

    @guarded
    def get_newest(self, state: State | None = None, limit: int | None = None) -> list[Proposal]:
        return list(islice(self._query(state), limit))

    def _query(self, state: State | None = None) -> Iterator[Proposal]:
        is_wanted: Any = {
            "FilterExpression": "#state = :state",
            "ExpressionAttributeNames": {"#state": "state"},
        }
        values = {":id": {"S": ID}} | ({":state": {"S": state}} if state else {})
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            ConsistentRead=True,
            **(is_wanted if state else {}),
        )
        return (read_item(item) for page in pages for item in page["Items"])

    @guarded
    def close(self, proposal: Proposal) -> bool:
        values: dict[str, Any] = {
            "state": {"S": proposal.state},
            "decided_at": {"S": proposal.decided_at},
            "decision_note": {"S": proposal.decision_note},
        }
        if proposal.decided_by:
            values["decided_by"] = write_author(proposal.decided_by)
        try:
            self._clients.dynamodb.update_item(TableName=self._table, **update_open(proposal.number, values))
        except self._clients.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    @guarded
    def forget_rows(self, number: int) -> None:
        for item in self._read_contents(number):
            key: Any = {name: item[name] for name in ("id", "version")}
            self._clients.dynamodb.delete_item(TableName=self._table, Key=key)

    @guarded
    def get_approvals(self) -> int:
        item = self._clients.dynamodb.get_item(
            TableName=self._table, Key=ENVIRONMENT, ConsistentRead=True
        ).get("Item")
        return int(item["approvals"]["N"]) if item else 0

    @guarded
    def set_approvals(self, approvals: int) -> None:
        item = {**ENVIRONMENT, "approvals": {"N": str(approvals)}}
        self._clients.dynamodb.put_item(TableName=self._table, Item=item)

    def _read_contents(self, number: int) -> Iterator[Any]:
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": build_content_key(number, 0)["id"]},
            ConsistentRead=True,
        )
        return (item for page in pages for item in page["Items"])
