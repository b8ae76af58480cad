"""What a client says of itself."""

from typing import NamedTuple


class Status(NamedTuple):
    """``version`` is that of the definitions, 0 before there are any; ``age`` is in seconds since the service
    has confirmed them, None if it never has in this process. Numbers count from the start of the process.
    """

    is_ready: bool
    is_stale: bool
    version: int
    definitions: int
    age: float | None
    waiting: int
    sent: int
    dropped: int
    rejected: int
    error: str
