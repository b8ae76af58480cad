"""All places that hold users. A new store, or a new kind of object, is added here."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.stores.snapshots import SnapshotStore
from realtime.analysis.archive.places import COPIES
from realtime.user_data.bucket import FROM_THE_START, BucketStore, Progress
from realtime.user_data.compacted import ArchiveCopies
from realtime.user_data.definitions import DefinitionsInForce, Versions, create_history
from realtime.user_data.history import find_history
from realtime.user_data.local_files import LocalFiles
from realtime.user_data.objects import ObjectStore
from realtime.user_data.proposals import ProposedDefinitions
from realtime.user_data.quarantined import QuarantineStore
from realtime.user_data.snapshots import OldSnapshots
from realtime.user_data.stores import RowStore, UserStore
from realtime.user_data.tables import (
    Table,
    find_assignments,
    find_contexts,
    find_event_ids,
    find_overrides,
)

if TYPE_CHECKING:
    from chalicelib.wiring import Plane


def list_stores(
    plane: "Plane", files: Path, progress: Progress = FROM_THE_START, *, has_to_scan: bool = False
) -> list[UserStore]:
    """In the order in which they are changed: what feeds another store comes before it.

    ``files`` is the folder of replays' positions; copies of the archive are
    beside it. ``has_to_scan`` reads the whole table of assignments.
    """
    clients, settings, definitions = plane.clients, plane.settings, plane.definitions
    objects = ObjectStore(clients, settings.archive_bucket)
    assignments = Table(clients, settings.assignments_table)
    overrides = Table(clients, settings.overrides_table)
    event_ids, contexts = Table(clients, settings.dedupe_table), Table(clients, settings.contexts_table)
    history = RowStore("history (PostgreSQL)", "history.jsonl", partial(find_history, plane))
    has_history = settings.postgres_secret or settings.postgres_url
    return [
        DefinitionsInForce(definitions),
        create_history(definitions, Versions(clients, settings.publications_table)),
        ProposedDefinitions(plane.proposals),
        OldSnapshots(objects, SnapshotStore(clients, settings.archive_bucket)),
        RowStore("overrides (DynamoDB)", "overrides.jsonl", partial(find_overrides, overrides)),
        RowStore(
            "assignments (DynamoDB)",
            "assignments.jsonl",
            partial(find_assignments, assignments, definitions, has_to_scan),
        ),
        RowStore("event ids (DynamoDB)", "event-ids.jsonl", partial(find_event_ids, event_ids)),
        RowStore("contexts (DynamoDB)", "contexts.jsonl", partial(find_contexts, contexts)),
        *([history] if has_history else []),
        QuarantineStore(plane.quarantine),
        BucketStore(objects, progress),
        ArchiveCopies(files.with_name(COPIES.name)),
        LocalFiles(files),
    ]
