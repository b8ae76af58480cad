"""Assignments that this container has seen: a hot user costs no call.

A row is remembered for one version of its experiment's definition, and read again after the next: by then
somebody may have replaced it. Under one version a row that serves stays as it is.
"""

from collections import OrderedDict
from contextlib import suppress

from chalicelib.domain.definitions.model import Assignment, Experiment


class AssignmentCache:
    """The ``size`` least recently forgotten; without a lock, as each step is one atomic operation."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows: OrderedDict[tuple[str, str, int], Assignment] = OrderedDict()

    def get(self, experiment: Experiment, user_id: str) -> Assignment | None:
        name = experiment.id, user_id, experiment.version
        row = self._rows.get(name)
        if row is not None:
            try:  # noqa: SIM105 - `suppress` costs as much as all the rest of this
                self._rows.move_to_end(name)
            except KeyError:  # pushed out meanwhile
                pass
        return row

    def put(self, experiment: Experiment, user_id: str, row: Assignment) -> None:
        self._rows[experiment.id, user_id, experiment.version] = row
        if len(self._rows) > self._size:
            with suppress(KeyError):  # emptied meanwhile
                self._rows.popitem(last=False)
