"""Published definitions: a row each in the table of its kind, and the publications table.

Items of the publications table, by (id, version): ``publication`` is one publish and lists its ``changes``;
``experiment/KEY``, ``flag/KEY`` and ``segment/KEY`` keep each version's text; ``claim`` (version 0) names the
publisher at work. `chalicelib.stores.proposals` has those of proposals.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.definitions.model import Approval, DefinitionRow
from chalicelib.domain.definitions.snapshot import Snapshot
from chalicelib.domain.errors import Conflict, RealtimeError, StorageUnavailable
from chalicelib.metrics import MetricsRecorder
from chalicelib.settings import Settings
from chalicelib.stores.definition_rows import DefinitionRows
from chalicelib.stores.resilience import guarded
from chalicelib.stores.snapshots import SnapshotStore

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients
    from chalicelib.stores.publication import Publication

SNAPSHOT_ATTEMPTS = 5
REMEDY = "What was published is in force. Run `python -m realtime snapshot`: containers that start while \
DynamoDB is away would not have it."
_log = logging.getLogger("realtime")


class DefinitionStore(DefinitionRows):
    """Whatever is written goes into ``snapshots``, too. ``write_keys`` then writes the snapshot of keys."""

    def __init__(
        self,
        clients: "Clients",
        settings: Settings,
        metrics: MetricsRecorder | None = None,
        snapshots: SnapshotStore | None = None,
        write_keys: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(clients, settings, metrics)
        self._snapshots = snapshots
        self._write_keys = write_keys

    def publish(
        self,
        definitions: Sequence[DefinitionRow],
        expected: int,
        now: float,
        by: str = "",
        note: str = "",
        approval: Approval | None = None,
    ) -> int:
        """Writes ``definitions``, each key once, as publication ``expected + 1``, and returns that version.

        A definition without text is removed; ``by`` is the publisher's name, for the history, and ``note``
        stands beside it. Containers see all of it or nothing. Raises Conflict, with nothing changed for them,
        if ``expected`` is not the newest version, another publisher is at work, or the proposal that
        ``approval`` names is not open.
        """
        from chalicelib.stores.publication import Publication  # containers that decide never publish

        publication = Publication(self._tables, self._publications, expected + 1, now, by, note, approval)
        self._publish(publication, definitions)
        self._write_snapshots(now)
        return expected + 1

    @guarded
    def _publish(self, publication: "Publication", definitions: Sequence[DefinitionRow]) -> None:
        try:
            self._write(publication, definitions)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
                message = "Somebody else has published in between; look at the difference and publish again."
                raise Conflict("publish_conflict", message) from None
            raise

    def _write(self, publication: "Publication", definitions: Sequence[DefinitionRow]) -> None:
        from chalicelib.stores.restoration import is_restore

        client = self._clients.dynamodb
        claim = publication.take_back_expired(client)
        if is_restore(claim):
            raise Conflict("publish_conflict", "A restore is under way, or was interrupted: run it again.")
        try:
            for writes in publication.make_transactions(definitions):
                client.transact_write_items(TransactItems=writes)
        except BaseException:  # Ctrl-C too
            # Refused if nothing is claimed. If it fails, readers skip the rows until the next publish.
            with suppress(BotoCoreError, ClientError):
                publication.take_back(client)
            raise

    def restore(
        self,
        versions: Sequence[DefinitionRow],
        now: float,
        *,
        discard: bool = False,
        on_written: Callable[[int], object] = lambda _: None,
    ) -> None:
        self._restore(versions, now, discard, on_written)
        self._write_snapshots(now)

    @guarded
    def _restore(
        self,
        versions: Sequence[DefinitionRow],
        now: float,
        discard: bool,
        on_written: Callable[[int], object],
    ) -> None:
        from chalicelib.stores.publication import Publication
        from chalicelib.stores.restoration import Restoration

        client, newest = self._clients.dynamodb, self._read_newest_version()
        if newest:
            raise Conflict("not_empty", f"Definitions are published already, up to version {newest}.")
        claim = Publication(self._tables, self._publications, 1, now, "").take_back_expired(client)
        restoration = Restoration(client, self._tables, self._publications, claim)
        restoration.run(versions, discard, on_written)

    def _write_snapshots(self, now: float) -> None:
        """What is published is in force without them, so a failure is logged only."""
        try:
            if self._snapshots is not None:
                self._snapshots.write(self.take_snapshot, now)
        except RealtimeError as error:
            _log.warning("The snapshot was not written: %s %s", error, REMEDY)
        try:
            if self._write_keys is not None:
                self._write_keys(now)
        except RealtimeError as error:
            _log.warning("The snapshot of keys was not written: %s", error)

    def take_snapshot(self) -> Snapshot:
        """All definitions as of one publication. Raises StorageUnavailable or Throttled."""
        for _ in range(SNAPSHOT_ATTEMPTS):
            version = self.get_newest_version()
            rows = {(kind, key): row for kind in self._tables for key, row in self.get_all(kind).items()}
            if self.get_newest_version() == version:
                return Snapshot(version, rows)
        raise StorageUnavailable("Others publish all the time; the last of them writes the snapshot.")
