"""What each library's file gives: a client that holds W1 and W2 in the library's own form."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

User = Mapping[str, Any]
COUNTRIES, VERSION, TIER = ["DE", "FR", "NL"], "2.3.0", "gold"
"""W2's targeting, with ``beta`` in place of the tier for those who have it; its rollout is 30 %."""


def _do_nothing() -> None:
    pass


class Client(NamedTuple):
    """``prepare`` makes what the library wants to have of a user, before the clock starts.

    ``decide`` takes "w1" or "w2" and what was prepared.
    """

    prepare: Callable[[User], Any]
    decide: Callable[[str, Any], bool]
    close: Callable[[], object] = _do_nothing


class Peer(NamedTuple):
    """``package`` is its name on PyPI."""

    package: str
    connect: Callable[[], Client]
