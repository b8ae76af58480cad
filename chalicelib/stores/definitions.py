"""Published definitions: a row each in the experiments and flags tables, and the publications behind them.

Publications table, by (id, version): ``publication`` is one publish and names its ``changes``;
``experiment/KEY`` and ``flag/KEY`` keep each version's text; ``claim`` (version 0) is who is publishing.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from chalicelib.domain.definitions import Changes, Definition, DefinitionKind
from chalicelib.domain.errors import Conflict
from chalicelib.settings import Settings
from chalicelib.stores.batches import batch_get
from chalicelib.stores.publication import Publication
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

NEWEST = 100
"""Publications read at once; after more than these, everything counts as changed."""


class DefinitionStore:
    def __init__(self, clients: "Clients", settings: Settings) -> None:
        self._clients = clients
        self._tables: dict[DefinitionKind, str] = {
            "experiment": settings.experiments_table,
            "flag": settings.flags_table,
        }
        self._publications = settings.publications_table

    @guarded
    def load(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, Definition]:
        """Those that exist: strongly consistent, or a publish that was just seen would be missed."""
        client, table, wanted = self._clients.dynamodb, self._tables[kind], list(dict.fromkeys(keys))
        if len(wanted) == 1:  # a GetItem is the cheaper one
            key: Any = {"id": {"S": wanted[0]}}
            item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
            return _definitions(kind, [item] if item else [])
        return _definitions(kind, batch_get(client, table, wanted, consistent=True))

    @guarded
    def load_all(self, kind: DefinitionKind) -> dict[str, Definition]:
        pages = self._clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._tables[kind], ConsistentRead=True
        )
        return _definitions(kind, (item for page in pages for item in page["Items"]))

    @guarded
    def since(self, version: int | None) -> Changes:
        """What was published after ``version``, in one query; None asks for the newest version only."""
        condition = "id = :id" if version is None else "id = :id AND version > :version"
        values: dict[str, Any] = {":id": {"S": "publication"}}
        if version is not None:
            values[":version"] = {"N": str(version)}
        page = self._clients.dynamodb.query(
            TableName=self._publications,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=1 if version is None else NEWEST,
        )
        items = page["Items"]
        newest = int(items[0]["version"]["N"]) if items else version or 0
        if version is None or "LastEvaluatedKey" in page or any("changes" not in item for item in items):
            return Changes(newest, None)
        changes = [change["M"] for item in items for change in item["changes"]["L"]]
        return Changes(newest, frozenset((change["kind"]["S"], change["key"]["S"]) for change in changes))

    @guarded
    def publish(self, definitions: Sequence[Definition], expected: int, now: float, by: str = "") -> int:
        """Writes ``definitions``, each key once, as publication ``expected + 1`` and returns that.

        One without text is removed; ``by`` is who publishes, for the history. Containers take up all or
        none. Raises Conflict, with nothing changed that they see, if ``expected`` is not the newest version
        or somebody else is publishing.
        """
        version = expected + 1
        publication = Publication(self._tables, self._publications, version, now, by)
        try:
            for writes in publication.transactions(definitions):
                self._clients.dynamodb.transact_write_items(TransactItems=writes)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
                message = "Somebody else has published in between; look at the difference and publish again."
                raise Conflict("publish_conflict", message) from None
            raise
        return version

    @guarded
    def history(self, kind: DefinitionKind, key: str) -> list[Definition]:
        """Every published version of one definition, newest first."""
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._publications,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": f"{kind}/{key}"}},
            ScanIndexForward=False,
        )
        return [_definition(kind, key, item) for page in pages for item in page["Items"]]

    @guarded
    def published(self) -> list[Definition]:
        """Every version of every definition, in any order."""
        pages = self._clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._publications,
            FilterExpression="attribute_exists(#definition)",
            ExpressionAttributeNames={"#definition": "definition"},
            ConsistentRead=True,
        )
        found = []
        for page in pages:
            for item in page["Items"]:
                kind, _, key = item["id"]["S"].partition("/")
                found.append(_definition(cast(DefinitionKind, kind), key, item))
        return found


def _definitions(kind: DefinitionKind, items: Iterable[Any]) -> dict[str, Definition]:
    """Rows without a definition are the platform's own, in tables that are shared with it."""
    found = (_definition(kind, item["id"]["S"], item) for item in items if "definition" in item)
    return {definition.key: definition for definition in found}


def _definition(kind: DefinitionKind, key: str, item: Any) -> Definition:
    def text(name: str) -> str:
        value: str = item.get(name, {}).get("S", "")
        return value

    at = text("published_at") or text("updated_at")
    return Definition(
        kind, key, text("definition"), text("status"), int(item["version"]["N"]), at, text("published_by")
    )
