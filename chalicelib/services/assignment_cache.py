"""Assignments that this container has read or written, so that a returning user costs no call.

A row is cached for one version of its experiment's definition, and read again after the next one, when
another container may have replaced it. Under one version, nothing replaces a row that serves.
"""

from collections import OrderedDict
from contextlib import suppress

from chalicelib.domain.definitions.model import Assignment, Experiment


class AssignmentCache:
    """Keeps the ``size`` rows that were used last. It needs no lock, as each step is one atomic operation."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows: OrderedDict[tuple[str, str, int], Assignment] = OrderedDict()

    def get(self, experiment: Experiment, user_id: str) -> Assignment | None:
        key = experiment.id, user_id, experiment.version
        row = self._rows.get(key)
        if row is not None:
            try:  # noqa: SIM105 - `suppress` costs as much as the rest of this method
                self._rows.move_to_end(key)
            except KeyError:  # another thread has removed it
                pass
        return row

    def put(self, experiment: Experiment, user_id: str, row: Assignment) -> None:
        self._rows[experiment.id, user_id, experiment.version] = row
        if len(self._rows) > self._size:
            with suppress(KeyError):  # another thread has removed the last row
                self._rows.popitem(last=False)
