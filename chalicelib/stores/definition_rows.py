"""Read published definitions: see `chalicelib.stores.definitions`, which writes them."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.domain.definitions.model import Changes, DefinitionKind, DefinitionRow
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.metrics import MetricsRecorder
from chalicelib.settings import Settings
from chalicelib.stores.batches import batch_get
from chalicelib.stores.published_versions import (
    read_history,
    read_row,
    read_version,
    read_versions,
    read_versions_since,
)
from chalicelib.stores.resilience import guarded
from chalicelib.stores.scanning import Scan

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

NEWEST = 100
"""Publications that one query reads; after more than these, everything counts as changed."""


class DefinitionRows:
    """``metrics`` counts rows that are skipped, as ``InvalidDefinition``."""

    def __init__(
        self, clients: "Clients", settings: Settings, metrics: MetricsRecorder | None = None
    ) -> None:
        self._clients = clients
        self._metrics = metrics
        self._tables: dict[DefinitionKind, str] = {
            "experiment": settings.experiments_table,
            "flag": settings.flags_table,
            "segment": settings.segments_table,
        }
        self._publications = settings.publications_table
        self._newest = 0  # version of the newest publication that was seen
        self._scans: dict[DefinitionKind, Scan] = {}  # that were interrupted

    @guarded
    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        """Those that exist. Strongly consistent, or a publication that was just seen could be missed."""
        return self._read_rows(kind, keys)

    def _read_rows(self, kind: DefinitionKind, keys: Collection[str]) -> dict[str, DefinitionRow]:
        client, table, unique_keys = self._clients.dynamodb, self._tables[kind], list(dict.fromkeys(keys))
        if len(unique_keys) == 1:  # GetItem costs less than BatchGetItem
            item_key: Any = {"id": {"S": unique_keys[0]}}
            item = client.get_item(TableName=table, Key=item_key, ConsistentRead=True).get("Item")
            return self._select_in_force(kind, [item] if item else [])
        item_keys = [{"id": {"S": key}} for key in unique_keys]
        return self._select_in_force(kind, batch_get(client, table, item_keys, consistent=True))

    @guarded
    def get_all(self, kind: DefinitionKind) -> dict[str, DefinitionRow]:
        """If a call fails, the pages before it are kept, and the next `get_all` goes on after them."""
        scan = self._scans.pop(kind, None)
        if scan is None or not scan.is_usable:
            scan = Scan(self._tables[kind], self._newest or self._read_newest_version())
        try:
            scan.run(self._clients.dynamodb)
        except BaseException:
            self._scans[kind] = scan
            raise
        rows = self._select_in_force(kind, scan.items)
        return self._catch_up(kind, rows, scan.since) if scan.was_interrupted else rows

    def _catch_up(
        self, kind: DefinitionKind, rows: dict[str, DefinitionRow], since: int
    ) -> dict[str, DefinitionRow]:
        """``rows`` with what was published while they were read, in several requests."""
        changes = self._read_changes(since, consistent=True)
        if changes.keys is None:
            raise StorageUnavailable("Too much was published while all definitions were read; try again.")
        changed = [key for changed_kind, key in changes.keys if changed_kind == kind]
        if not changed:
            return rows
        kept = {key: row for key, row in rows.items() if key not in changed}
        return kept | self._read_rows(kind, changed)

    @guarded
    def get_changes(self, version: int | None) -> Changes:
        """What was published after ``version``, in one query; None asks for the newest version only."""
        return self._read_changes(version)

    def _read_changes(self, version: int | None, *, consistent: bool = False) -> Changes:
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
            ConsistentRead=consistent,
        )
        items = page["Items"]
        newest = read_version(items[0]) if items else version or 0
        self._newest = max(self._newest, newest)
        if version is None or "LastEvaluatedKey" in page or any("changes" not in item for item in items):
            return Changes(newest, None)
        changes = [change["M"] for item in items for change in item["changes"]["L"]]
        return Changes(newest, frozenset((change["kind"]["S"], change["key"]["S"]) for change in changes))

    @guarded
    def get_newest_version(self) -> int:
        """Strongly consistent, unlike `get_changes`."""
        self._newest = self._read_newest_version()
        return self._newest

    @guarded
    def get_history(self, kind: DefinitionKind, key: str) -> list[DefinitionRow]:
        """Every published version of one definition, newest first."""
        newest = self._read_newest_version()
        rows = read_history(self._clients.dynamodb, self._publications, kind, key)
        return [row for row in rows if row.version <= newest]

    @guarded
    def get_versions(self) -> list[DefinitionRow]:
        """Every version of every definition, in any order: of all publications up to the newest or none."""
        newest = self._read_newest_version()  # first: a later publication may be read in part
        rows = read_versions(self._clients.dynamodb, self._publications)
        return [row for row in rows if row.version <= newest]

    @guarded
    def get_versions_since(self, kind: DefinitionKind, since: float) -> list[DefinitionRow]:
        """One query, and one more for each definition that was published after ``since``."""
        newest = self._read_newest_version()  # first, as above
        rows = read_versions_since(self._clients.dynamodb, self._publications, kind, since)
        return [row for row in rows if row.version <= newest]

    def _select_in_force(self, kind: DefinitionKind, items: Iterable[Any]) -> dict[str, DefinitionRow]:
        """Items without a definition are the platform's own, in tables that are shared with it.

        While a publication in parts is under way, or after it was abandoned, the version before it is in
        force.
        """
        by_key = {item["id"]["S"]: item for item in items}
        if any(_read_previous_version(item, self._newest) for item in by_key.values()):
            self._newest = self._read_newest_version()
            by_key |= self._read_previous_items(kind, by_key)
        return {key: read_row(kind, key, item) for key, item in by_key.items() if self._is_readable(item)}

    def _is_readable(self, item: Any) -> bool:
        if "definition" not in item:
            return False
        is_readable = "S" in item["definition"] and read_version(item) > 0
        if not is_readable and self._metrics:
            self._metrics.record("InvalidDefinition")
        return is_readable

    def _read_previous_items(self, kind: DefinitionKind, items: Mapping[str, Any]) -> dict[str, Any]:
        """{} for a definition that did not exist before."""
        versions = {
            key: version
            for key, item in items.items()
            if (version := _read_previous_version(item, self._newest))
        }
        item_keys = [{"id": {"S": f"{kind}/{key}"}, "version": version} for key, version in versions.items()]
        previous = batch_get(self._clients.dynamodb, self._publications, item_keys, consistent=True)
        by_key = {item["id"]["S"].partition("/")[2]: item for item in previous if item["definition"]["S"]}
        return {key: by_key.get(key, {}) for key in versions}

    def _read_newest_version(self) -> int:
        page = self._clients.dynamodb.query(
            TableName=self._publications,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": "publication"}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return read_version(page["Items"][0]) if page["Items"] else 0


def _read_previous_version(item: Any, newest: int) -> Any:
    """The version before, if ``item`` is of a publication after ``newest``; None if it is in force."""
    return item.get("previous") if read_version(item) > newest else None
