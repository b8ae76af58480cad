"""Snapshots of definitions in the bucket that are not in force any more: one that names a user is deleted.

The newest one has what is in force, so it changes with the next publish, as the tables do.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.snapshot import FORMAT
from chalicelib.stores.snapshots import FOLDER, POINTER, SnapshotStore
from realtime.user_data.definitions import names_user
from realtime.user_data.objects import ObjectStore, Version
from realtime.user_data.stores import Finding, Request


class OldSnapshots:
    """A `UserStore`. Their definitions are those of the old versions, so nothing is exported."""

    name = "old snapshots (S3)"

    def __init__(self, objects: ObjectStore, snapshots: SnapshotStore) -> None:
        self._objects = objects
        self._snapshots = snapshots

    def search(self, request: Request) -> Finding:
        return Finding(own=sum(1 for _ in self._find(request)))

    def forget(self, request: Request) -> Finding:
        found = list(self._find(request))
        for version in found:
            self._objects.delete(version)
        return Finding(own=len(found))

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        del request
        return {}

    def _find(self, request: Request) -> Iterator[Version]:
        pointer = self._snapshots.read_pointer()
        newest = f"{FOLDER}{pointer.sha256}.json.gz" if pointer else None
        for key, versions in self._objects.list_versions(FOLDER):
            if key in (newest, POINTER):
                continue
            for version in versions:
                content = self._objects.read(version)
                # What cannot be read is no snapshot; it would answer nobody.
                if content is not None and _holds_user(content.body, request):
                    yield version


def _holds_user(body: bytes | None, request: Request) -> bool:
    document = json.loads(body.decode("utf-8", "surrogatepass")) if body else {}
    if document.get("format") != FORMAT:
        return False
    return any(
        names_user(DefinitionRow(kind, key, text, status, version, published_at=published_at), request)
        for kind, key, version, status, published_at, text in document["definitions"]
    )
