"""The proof of guarantee 2: the real handler under the pump, against local AWS that fails in every way.

Each schedule is drawn from a seed. `make chaos` runs 5,000 of them; REALTIME_SEED=7 runs one again.
"""

import os

import pytest

from chalicelib.stores.counters import CounterStore
from chalicelib.stores.quarantine import QuarantineQueue
from tests.support.archive import archived_lines
from tests.support.recounting import list_disagreements
from tests.support.schedule import Bench, Schedule

SCHEDULES = int(os.environ.get("REALTIME_SCHEDULES", "12"))
GROUPS = 20
ONLY = os.environ.get("REALTIME_SEED")


def check(schedule: Schedule) -> None:
    service, settings = schedule.bench.service, schedule.settings
    expected: dict[tuple[str, int], list[int]] = {}
    for (variant, hour, amount), times in schedule.truth.items():
        _add(expected, (variant, hour), (times, times * amount, times * amount * amount))
    counted_sums: dict[tuple[str, int], list[int]] = {}
    signups = 0
    for counter, hours in CounterStore(service, settings.counters_table).read("checkout"):
        for hour, sums in hours.items():
            if counter.event_type == "signup":
                signups += sums.count
            else:
                key = counter.variant, counter.day * 24 + hour
                _add(counted_sums, key, (sums.count, sums.total, sums.squares))
    assert counted_sums == expected, "counters"
    assert signups == schedule.signups, "counters of events whose user was assigned meanwhile"

    lines = archived_lines(service, settings.archive_bucket)
    assert {line["event_id"] for line in lines} == {event["event_id"] for event in schedule.sent}, "archive"
    details = [line["realtime"] for line in lines]
    counted = {
        (detail["place"], experiment["variant"]) for detail in details for experiment in detail["experiments"]
    }
    assert len(counted) == len(schedule.sent), "what the archive says was counted"
    counters = CounterStore(service, settings.counters_table)
    assert list_disagreements(counters, lines, "checkout") == [], "recount"

    quarantine = QuarantineQueue(service, settings.quarantine_queue, settings.archive_bucket)
    waiting = set()
    while batch := quarantine.receive():
        waiting |= {(record.description["sequence_number"], record.description["part"]) for record in batch}
    assert waiting == schedule.poison, "quarantine"


def _add(sums: dict[tuple[str, int], list[int]], key: tuple[str, int], added: tuple[int, int, int]) -> None:
    totals = sums.setdefault(key, [0, 0, 0])
    for index, number in enumerate(added):
        totals[index] += number


@pytest.mark.timeout(0 if SCHEDULES > 1000 else 300)
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_event_counts_once_and_nothing_is_lost(bench: Bench, group: int) -> None:
    seeds = range(group, SCHEDULES, GROUPS) if ONLY is None else [int(ONLY)] if group == 0 else []
    for seed in seeds:
        schedule = Schedule(bench, seed)
        try:
            schedule.run()
            check(schedule)
        except Exception as error:
            raise AssertionError(f"REALTIME_SEED={seed}: {type(error).__name__}: {error}") from error
