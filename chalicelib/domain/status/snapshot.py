"""What `status` has asked for, as values: numbers, or why nobody knows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from chalicelib.domain.status.alarms import Metric

WINDOW = 3600
"""Seconds of metrics that are read."""


class Unanswered(NamedTuple):
    """A source did not answer."""

    reason: str


class Point(NamedTuple):
    """``start`` of the period, in epoch seconds."""

    start: float
    value: float


class Queue(NamedTuple):
    """``in_flight``: somebody has received them, for example a redrive that runs."""

    waiting: int
    in_flight: int = 0


class Published(NamedTuple):
    """The newest publication; ``published_at`` in epoch seconds, None if nothing was published."""

    version: int
    published_at: float | None


class Archived(NamedTuple):
    """When the newest object was written, in epoch seconds; ``is_complete``: all objects were looked at."""

    newest: float | None
    is_complete: bool = True


Series: TypeAlias = Mapping[Metric, Sequence[Point]]
"""Ascending; a period without data has no point."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``alarms`` are the names of CloudWatch's alarms that ring; None where there is no CloudWatch.

    ``snapshot_version`` is that of the snapshot of definitions; 0 without one. ``keys_confirmed`` is when the
    snapshot of API keys was last seen to be what their table has, in epoch seconds; None without one.
    """

    env: str
    now: float
    series: Series | Unanswered
    quarantine: Queue | Unanswered
    failed_batches: Queue | Unanswered
    published: Published | Unanswered
    archived: Archived | Unanswered
    snapshot_version: int | Unanswered
    keys_confirmed: float | Unanswered | None
    alarms: Sequence[str] | Unanswered | None = None
