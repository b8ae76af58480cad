"""Who changes definitions."""

from typing import NamedTuple


class Author(NamedTuple):
    """For the history; ``note`` stands beside the name.

    ``identity`` tells people apart where one approves what another proposed: a name may be chosen freely.
    """

    by: str
    note: str = ""
    identity: str = ""
