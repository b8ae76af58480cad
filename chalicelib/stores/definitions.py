"""Published definitions: a row each in the experiments and flags tables, and the publications behind them.

Publications table, by (id, version): ``publication`` is one publish and names its ``changes``;
``experiment/KEY`` and ``flag/KEY`` keep each version's text; ``claim`` (version 0) is who is publishing.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.definitions.model import Changes, DefinitionKind, DefinitionRow
from chalicelib.domain.errors import Conflict
from chalicelib.settings import Settings
from chalicelib.stores.batches import batch_get
from chalicelib.stores.publication import CLAIM, Publication
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

NEWEST = 100
"""Publications read at once; after more than these, everything counts as changed."""


class Metrics(Protocol):
    def record(self, name: str) -> None: ...


class DefinitionStore:
    """``metrics`` counts rows that are skipped, as ``InvalidDefinition``."""

    def __init__(self, clients: "Clients", settings: Settings, metrics: Metrics | None = None) -> None:
        self._clients = clients
        self._metrics = metrics
        self._tables: dict[DefinitionKind, str] = {
            "experiment": settings.experiments_table,
            "flag": settings.flags_table,
        }
        self._publications = settings.publications_table
        self._newest = 0  # publication that is known to be there

    @guarded
    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        """Those that exist: strongly consistent, or a publish that was just seen would be missed."""
        client, table, wanted = self._clients.dynamodb, self._tables[kind], list(dict.fromkeys(keys))
        if len(wanted) == 1:  # a GetItem is the cheaper one
            key: Any = {"id": {"S": wanted[0]}}
            item = client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
            return self._in_force(kind, [item] if item else [])
        rows = [{"id": {"S": one}} for one in wanted]
        return self._in_force(kind, batch_get(client, table, rows, consistent=True))

    @guarded
    def get_all(self, kind: DefinitionKind) -> dict[str, DefinitionRow]:
        pages = self._clients.dynamodb.get_paginator("scan").paginate(
            TableName=self._tables[kind], ConsistentRead=True
        )
        return self._in_force(kind, (item for page in pages for item in page["Items"]))

    @guarded
    def get_changes(self, version: int | None) -> Changes:
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
        newest = _version(items[0]) if items else version or 0
        self._newest = max(self._newest, newest)
        if version is None or "LastEvaluatedKey" in page or any("changes" not in item for item in items):
            return Changes(newest, None)
        changes = [change["M"] for item in items for change in item["changes"]["L"]]
        return Changes(newest, frozenset((change["kind"]["S"], change["key"]["S"]) for change in changes))

    @guarded
    def publish(self, definitions: Sequence[DefinitionRow], expected: int, now: float, by: str = "") -> int:
        """Writes ``definitions``, each key once, as publication ``expected + 1`` and returns that.

        One without text is removed; ``by`` is who publishes, for the history. Containers take up all or
        none. Raises Conflict, with nothing changed that they see, if ``expected`` is not the newest version
        or somebody else is publishing.
        """
        publication = Publication(self._tables, self._publications, expected + 1, now, by)
        try:
            self._write(publication, definitions, now)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
                message = "Somebody else has published in between; look at the difference and publish again."
                raise Conflict("publish_conflict", message) from None
            raise
        return expected + 1

    def _write(self, publication: Publication, definitions: Sequence[DefinitionRow], now: float) -> None:
        client = self._clients.dynamodb
        claim = client.get_item(TableName=self._publications, Key=CLAIM, ConsistentRead=True).get("Item")
        if claim and float(claim["until"]["N"]) < now:
            publication.take_back(client)  # what a publisher has left that died
        try:
            for writes in publication.transactions(definitions):
                client.transact_write_items(TransactItems=writes)
        except BaseException:  # Ctrl-C too
            # Refused if nothing is claimed. If it fails, readers go on without, and the next publish does it.
            with suppress(BotoCoreError, ClientError):
                publication.take_back(client)
            raise

    @guarded
    def get_history(self, kind: DefinitionKind, key: str) -> list[DefinitionRow]:
        """Every published version of one definition, newest first."""
        pages = self._clients.dynamodb.get_paginator("query").paginate(
            TableName=self._publications,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": f"{kind}/{key}"}},
            ScanIndexForward=False,
        )
        newest = self._newest_publication()
        found = (_definition(kind, key, item) for page in pages for item in page["Items"])
        return [one for one in found if one.version <= newest]

    @guarded
    def get_versions(self) -> list[DefinitionRow]:
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
        newest = self._newest_publication()
        return [one for one in found if one.version <= newest]

    def _in_force(self, kind: DefinitionKind, items: Iterable[Any]) -> dict[str, DefinitionRow]:
        """Those with a definition; the others are the platform's own, in tables that are shared with it.

        Where a publish in parts is under way, or was abandoned, the version before it is in force.
        """
        rows = {item["id"]["S"]: item for item in items}
        if any(_previous(item, self._newest) for item in rows.values()):
            self._newest = self._newest_publication()
            rows |= self._former(kind, rows)
        return {key: _definition(kind, key, item) for key, item in rows.items() if self._is_readable(item)}

    def _is_readable(self, item: Any) -> bool:
        if "definition" not in item:
            return False
        readable = "S" in item["definition"] and _version(item) > 0
        if not readable and self._metrics:
            self._metrics.record("InvalidDefinition")
        return readable

    def _former(self, kind: DefinitionKind, rows: Mapping[str, Any]) -> dict[str, Any]:
        found = {key: previous for key, item in rows.items() if (previous := _previous(item, self._newest))}
        keys = [{"id": {"S": f"{kind}/{key}"}, "version": version} for key, version in found.items()]
        items = batch_get(self._clients.dynamodb, self._publications, keys, consistent=True)
        texts = {item["id"]["S"].partition("/")[2]: item for item in items if item["definition"]["S"]}
        return {key: texts.get(key, {}) for key in found}

    def _newest_publication(self) -> int:
        page = self._clients.dynamodb.query(
            TableName=self._publications,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": "publication"}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return _version(page["Items"][0]) if page["Items"] else 0


def _previous(item: Any, newest: int) -> Any:
    """The version before, if a row is of a publication after ``newest``; None if it is in force."""
    return item.get("previous") if _version(item) > newest else None


def _version(item: Any) -> int:
    """0 in a row that somebody else has written, without it or in another type."""
    try:
        return int(item["version"]["N"])
    except (KeyError, ValueError):
        return 0


def _definition(kind: DefinitionKind, key: str, item: Any) -> DefinitionRow:
    def text(name: str) -> str:
        value: str = item.get(name, {}).get("S", "")
        return value

    at = text("published_at") or text("updated_at")
    return DefinitionRow(
        kind, key, text("definition"), text("status"), _version(item), at, text("published_by")
    )
