"""How long each function works on a request, a batch or a change: measured CPU time, and waits for AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from realtime.capacity.facts import BYTES, CPU_MS, MB_OF_ONE_CPU, WAITS
from realtime.capacity.load import MONTH_SECONDS, Load

MEMORY_MB: Mapping[str, int] = {
    "assignment": 1024,
    "feature_flags": 1024,
    "ingest": 1024,
    "event_processor": 1024,
    "assignment_sync": 512,
    "authorizer": 512,
}
"""As production has them; a test compares. `admin` and `webhooks` serve people, whose load no model has."""
BATCH_SIZE = 500
BATCH_SECONDS = 1.0
"""A batch waits for so long, so a shard has at most one smaller batch a second."""


@dataclass(frozen=True, slots=True)
class Work:
    """Of one invocation. ``waits``: calls to AWS one after another, by their names in `WAITS`.

    ``later``: what happens after the answer, while the environment is still occupied.
    """

    cpu_ms: float
    waits: tuple[str, ...] = ()
    later: "Work | None" = None

    def count_answer_ms(self, memory_mb: int) -> float:
        return stretch(self.cpu_ms, memory_mb) + sum(WAITS[wait].mean for wait in self.waits)

    def count_busy_ms(self, memory_mb: int) -> float:
        later = self.later.count_busy_ms(memory_mb) if self.later else 0.0
        return self.count_answer_ms(memory_mb) + later


class Share(NamedTuple):
    share: float
    work: Work


def stretch(cpu_ms: float, memory_mb: int) -> float:
    """A part of a CPU takes longer for the same work."""
    return cpu_ms / min(1.0, memory_mb / MB_OF_ONE_CPU)


def list_work(load: Load) -> dict[str, list[Share]]:
    """Of each function that answers requests: the kinds of requests at the peak, and their shares."""
    authorize = CPU_MS["authorize_cached"] if load.front != "rest" else 0.0
    base = CPU_MS["runtime"] + authorize
    send = Work(CPU_MS["flag_tracked"] - CPU_MS["flag"], ("kinesis",))
    flag = Work(base + CPU_MS["flag"])
    tracked = min(1.0, load.tracked)
    hot = load.assignment_hits
    new = find_share_of_new(load)
    ingest = base + CPU_MS["ingest_request"] + load.events_per_request * CPU_MS["ingest_event"]
    return {
        "assignment": _drop_empty(
            Share(hot, Work(base + CPU_MS["assign_hot"])),
            Share(max(0.0, 1 - hot - new), Work(base + CPU_MS["assign_known"], ("read",))),
            Share(min(new, 1 - hot), Work(base + CPU_MS["assign_new"], ("read", "write"), send)),
        ),
        "feature_flags": _drop_empty(Share(tracked, Work(flag.cpu_ms, later=send)), Share(1 - tracked, flag)),
        "ingest": [Share(1.0, Work(ingest, ("kinesis",)))],
        "authorizer": [Share(1.0, Work(CPU_MS["runtime"] + CPU_MS["authorize"], ("read",)))],
    }


def find_share_of_new(load: Load) -> float:
    """Of the month's assignments. Those of the first minutes of an experiment are all new."""
    assigns = load.count_in_month(load.assigns)
    return load.new_assignments_month / assigns if assigns else 0.0


def average_ms(shares: list[Share], memory_mb: int) -> float:
    """For which an environment is occupied, on average."""
    return sum(share * work.count_busy_ms(memory_mb) for share, work in shares)


def make_batch(client_events: float, tracked: float) -> Work:
    """A batch of so many events of clients and of tracking: rows, verdicts, archive, counters."""
    events = client_events * CPU_MS["batch_event"] + tracked * CPU_MS["batch_tracked"]
    return Work(
        CPU_MS["runtime"] + CPU_MS["batch"] + events,
        ("read", "write", "firehose", "write") if client_events else ("read", "firehose"),
    )


def make_sync(changes: float) -> Work:
    return Work(CPU_MS["runtime"] + CPU_MS["sync"] + changes * CPU_MS["sync_change"], ("write",))


class Records(NamedTuple):
    """What enters the event stream, a second."""

    client: float
    tracked: float
    assigned: float

    @property
    def total(self) -> float:
        return sum(self)

    @property
    def bytes(self) -> float:
        return self.client * BYTES["event_record"] + (self.tracked + self.assigned) * BYTES["tracked_record"]


def count_records(load: Load, *, at_peak: bool) -> Records:
    """At the peak every assignment may be new: an experiment has just begun."""
    if at_peak:
        return Records(load.events, load.flags * load.tracked, load.assigns)
    new = load.new_assignments_month / MONTH_SECONDS
    return Records(load.events * load.share, load.flags * load.tracked * load.share, new)


def _drop_empty(*shares: Share) -> list[Share]:
    return [share for share in shares if share.share > 0]
