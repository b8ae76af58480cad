"""What is known of every published version, without its text: who published it, when and why."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock

from chalicelib.domain.definitions.model import DefinitionName, DefinitionRow, Definitions
from chalicelib.services.admin.history import PastPublication, group_by_publication

Histories = Mapping[DefinitionName, Sequence[DefinitionRow]]
MAX_QUERIES = 50
"""Definitions whose texts are read one by one; of more, all versions are read at once."""


class PastVersions:
    """Reads everything once, and then what was published since: a container may serve a page for hours."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._lock = Lock()
        self._version: int | None = None
        self._histories: Histories = {}

    def read(self) -> Histories:
        """Of each definition its versions, newest first, without texts. Raises as the store."""
        with self._lock:  # one reader brings it up to date for all
            changes = self._definitions.get_changes(self._version)
            if changes.keys is None:  # also the first time
                self._histories = _group(self._definitions.get_versions())
            elif changes.keys:
                fresh = {name: self._definitions.get_history(*name) for name in changes.keys}
                self._histories = {**self._histories, **{name: _strip(rows) for name, rows in fresh.items()}}
            self._version = changes.version
            return self._histories

    def list_publications(self, limit: int, before: int | None) -> Sequence[PastPublication]:
        """Newest first, those before the version ``before``, without texts."""
        rows = [row for history in self.read().values() for row in history]
        chosen = [row for row in rows if before is None or row.version < before]
        publications = group_by_publication(chosen)
        return [publication for _, publication in zip(range(limit), publications, strict=False)]

    def read_texts(self, version: int) -> tuple[PastPublication, Histories] | None:
        """The publication with texts, and the versions before it of what it changed, newest first."""
        found = next(iter(self.list_publications(1, version + 1)), None)
        if found is None or found.version != version:
            return None
        names = [(row.kind, row.key) for row in found.rows]
        histories = self._read_histories(names)
        rows = [row for name in names for row in histories[name] if row.version == version]
        earlier = {name: [row for row in histories[name] if row.version < version] for name in names}
        return replace(found, rows=rows), earlier

    def _read_histories(self, names: Sequence[DefinitionName]) -> Histories:
        if len(names) <= MAX_QUERIES:
            return {name: self._definitions.get_history(*name) for name in names}
        wanted, histories = {*names}, dict[DefinitionName, list[DefinitionRow]]()
        for row in sorted(self._definitions.get_versions(), key=lambda row: -row.version):
            if (row.kind, row.key) in wanted:
                histories.setdefault((row.kind, row.key), []).append(row)
        return histories


def _group(versions: Sequence[DefinitionRow]) -> Histories:
    histories: dict[DefinitionName, list[DefinitionRow]] = {}
    for row in _strip(sorted(versions, key=lambda row: -row.version)):
        histories.setdefault((row.kind, row.key), []).append(row)
    return histories


def _strip(rows: Sequence[DefinitionRow]) -> list[DefinitionRow]:
    """Thousands of versions shall fit in memory."""
    return [replace(row, text="") for row in rows]
