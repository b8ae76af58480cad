"""Assignments that this container has seen: a hot user costs no call.

A row only changes when its variant is removed or sticky is off, and is always read against the current
definition and clock, so that what is remembered here may be old but is never wrong.
"""

from collections import OrderedDict
from contextlib import suppress

from chalicelib.domain.definitions import Stored


class Known:
    """The ``size`` least recently forgotten; without a lock, as each step is one atomic operation."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rows: OrderedDict[tuple[str, str], Stored] = OrderedDict()

    def get(self, experiment_id: str, user_id: str) -> Stored | None:
        pair = experiment_id, user_id
        row = self._rows.get(pair)
        if row is not None:
            try:  # noqa: SIM105 - `suppress` costs as much as all the rest of this
                self._rows.move_to_end(pair)
            except KeyError:  # pushed out meanwhile
                pass
        return row

    def put(self, experiment_id: str, user_id: str, row: Stored) -> None:
        self._rows[experiment_id, user_id] = row
        if len(self._rows) > self._size:
            with suppress(KeyError):  # emptied meanwhile
                self._rows.popitem(last=False)
