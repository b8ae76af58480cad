"""How long it takes until enough users are in, by how they came in before. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

RECENT = 7
"""Days whose average goes on, where the curve ends before the plan is reached."""
DAY = 86_400


@dataclass(frozen=True, slots=True)
class Duration:
    """``entry_days``: until the last planned user is in. ``days``: then the window, up to whole weeks.

    ``is_extrapolated``: the archive has fewer days than that.
    """

    entry_days: int
    days: int
    is_extrapolated: bool

    @property
    def weeks(self) -> int:
        return self.days // 7


def find_duration(
    new_users: Sequence[int], needed: float, *, share: float, window_seconds: float = 0
) -> Duration | None:
    """``new_users`` on each day, from the first; ``share`` of them is in the control, which needs ``needed``.

    None if nobody comes any more.
    """
    total = 0.0
    for day, users in enumerate(new_users, 1):
        total += users * share
        if total >= needed:
            return _add_window(day, window_seconds, is_extrapolated=False)
    recent = new_users[-RECENT:]
    rate = share * sum(recent) / len(recent) if recent else 0.0
    if rate == 0:
        return None
    return _add_window(len(new_users) + ceil((needed - total) / rate), window_seconds, is_extrapolated=True)


def count_users(new_users: Sequence[int], days: int, share: float) -> float:
    """Users of the control after so many days; behind the curve's end, the recent average goes on."""
    recent = new_users[-RECENT:]
    rate = sum(recent) / len(recent) if recent else 0.0
    return share * (sum(new_users[:days]) + rate * max(0, days - len(new_users)))


def _add_window(entry_days: int, window_seconds: float, *, is_extrapolated: bool) -> Duration:
    days = entry_days + ceil(window_seconds / DAY)
    return Duration(entry_days, 7 * ceil(days / 7), is_extrapolated)
