"""Write all versions of all definitions into a store that has none, with the numbers and times they had.

A claim keeps publishers out. Versions and rows are written in parts, and are in force nowhere until the
newest publication is written, as the last step. If that never comes, the claim stays, and the next restore
removes what this one has written.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.errors import Conflict
from chalicelib.stores.publication import (
    BYTES_PER_TRANSACTION,
    CLAIM,
    UNCLAIMED,
)
from chalicelib.stores.publication_items import (
    build_key,
    clear_row,
    put_publication,
    put_version,
    update_first,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OWNER = "restore/"
"""How the owner of a restore's claim begins."""
NO_END = "9999999999"
"""The claim's end, in epoch seconds: publishing over half of a restore would mix two histories."""
PER_TRANSACTION = 99
"""Items, beside the claim; DynamoDB takes 100."""
ATTEMPTS = 8
FIRST_PAUSE = 0.1
"""Seconds before a throttled transaction is tried again; doubled with each attempt."""


class Restoration:
    """``claim``: what an interrupted restore or somebody else has left; or None."""

    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Mapping[DefinitionKind, str],
        publications: str,
        claim: Any,
    ) -> None:
        self._client = client
        self._claim = claim
        self._tables = tables
        self._publications = publications
        self._owner = OWNER + uuid.uuid4().hex

    def run(
        self, versions: Sequence[DefinitionRow], discard: bool, on_written: Callable[[int], object]
    ) -> None:
        """``discard`` removes rows without a publication, instead of raising Conflict."""
        if not (discard or is_restore(self._claim)) and next(self._list_leftovers(), None):
            message = (
                "The tables hold definitions without a publication, which are in force nowhere; "
                "--replace removes them."
            )
            raise Conflict("not_empty", message)
        self._take_claim()
        self._write_all(self._list_leftovers())
        latest = {(row.kind, row.key): row for row in sorted(versions, key=lambda row: row.version)}
        self._write_all(self._put_versions(versions), on_written)
        self._write_all(self._update_rows(latest.values()), on_written)
        newest = max(versions, key=lambda row: row.version)
        # Without a list of changes, so that a container that has seen version 0 loads everything.
        publication = put_publication(self._publications, newest, None)
        self._transact([publication, {"Delete": self._require_claim()}])

    def _take_claim(self) -> None:
        claim = self._claim
        condition: Any = _require_owner(claim["owner"]["S"]) if is_restore(claim) else UNCLAIMED
        item = {**CLAIM, "owner": {"S": self._owner}, "until": {"N": NO_END}}
        nothing_published = {
            "TableName": self._publications,
            "Key": build_key("publication", 1),
            "ConditionExpression": "attribute_not_exists(id)",
        }
        put_claim = {"Put": {"TableName": self._publications, "Item": item, **condition}}
        self._transact([{"ConditionCheck": nothing_published}, put_claim])

    def _list_leftovers(self) -> Iterator[tuple[Any, int]]:
        """What removes each item that belongs to no publication, and its size."""
        for page in self._scan(self._publications, "attribute_type(#definition, :text)"):
            for item in page["Items"]:
                key = {"id": item["id"], "version": item["version"]}
                yield {"Delete": {"TableName": self._publications, "Key": key}}, 0
        for table in self._tables.values():
            for page in self._scan(table, "attribute_type(#definition, :text) OR attribute_exists(previous)"):
                for item in page["Items"]:
                    yield clear_row(table, item["id"]["S"]), 0

    def _scan(self, table: str, condition: str) -> Iterable[Any]:
        return self._client.get_paginator("scan").paginate(
            TableName=table,
            FilterExpression=condition,
            ExpressionAttributeNames={"#definition": "definition"},
            ExpressionAttributeValues={":text": {"S": "S"}},
            ConsistentRead=True,
        )

    def _put_versions(self, versions: Sequence[DefinitionRow]) -> Iterator[tuple[Any, int]]:
        for row in versions:
            yield put_version(self._publications, row), len(row.text.encode())

    def _update_rows(self, rows: Iterable[DefinitionRow]) -> Iterator[tuple[Any, int]]:
        for row in rows:
            yield update_first(self._tables[row.kind], row), len(row.text.encode())

    def _write_all(
        self, writes: Iterable[tuple[Any, int]], on_written: Callable[[int], object] = lambda _: None
    ) -> None:
        """Each with its size in bytes."""
        for part in _split(writes):
            self._transact([{"ConditionCheck": self._require_claim()}, *part])
            on_written(len(part))

    def _transact(self, writes: list[Any]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._client.transact_write_items(TransactItems=writes)
            except ClientError as error:
                reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
                if reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
                    message = "Somebody else publishes or restores at the same time."
                    raise Conflict("publish_conflict", message) from None
                if attempt == ATTEMPTS or not reasons & {"ThrottlingError", "ProvisionedThroughputExceeded"}:
                    raise
                time.sleep(random.uniform(0.5, 1) * FIRST_PAUSE * 2**attempt)  # noqa: S311 - jitter
            else:
                return

    def _require_claim(self) -> dict[str, Any]:
        return {"TableName": self._publications, "Key": CLAIM, **_require_owner(self._owner)}


def is_restore(claim: Any) -> bool:
    """Whether a restore has left ``claim``, which may be None."""
    return bool(claim) and str(claim["owner"]["S"]).startswith(OWNER)


def _require_owner(owner: str) -> dict[str, Any]:
    return {
        "ConditionExpression": "#owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {":owner": {"S": owner}},
    }


def _split(writes: Iterable[tuple[Any, int]]) -> Iterator[list[Any]]:
    part: list[Any] = []
    total = 0
    for write, size in writes:
        if part and (len(part) == PER_TRANSACTION or total + size > 2 * BYTES_PER_TRANSACTION):
            yield part
            part, total = [], 0
        part.append(write)
        total += size
    if part:
        yield part
