"""When counters are folded: a few scopes after each batch, all of them once an hour."""

import pytest

from chalicelib.domain.errors import Throttled
from chalicelib.services.events.folding import CounterFolder
from realtime.testing.event_stores import MemoryCounters
from tests.support.flags import flag
from tests.support.plane import EventPlane, FixedDefinitions, purchase_experiment
from tests.support.streams import ARRIVED, kinesis, purchase

HOUR = 3600.0
DAY = 24 * HOUR


class Recording(MemoryCounters):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []
        self.fails = False

    def fold(self, scope: str, before: int, now: float) -> int:
        self.calls.append((scope, before))
        if self.fails:
            raise Throttled
        return super().fold(scope, before, now)


SCOPES = ["checkout@2", "checkout@3", "flag/new", "flag/realtime.heartbeat", "search"]
"""The heartbeat's flag is in no table, and its counters are folded, too."""


def make_folder(counters: Recording, seconds_a_call: float = 0.0) -> CounterFolder:
    experiments = FixedDefinitions(purchase_experiment(iteration=3), purchase_experiment("search"))
    elapsed = [0.0]

    def timer() -> float:
        elapsed[0] += seconds_a_call
        return elapsed[0]

    return CounterFolder(counters, experiments, FixedDefinitions(flag("new")), timer)


def test_all_scopes_are_folded_once_an_hour() -> None:
    counters = Recording()
    folder = make_folder(counters)
    folder.fold_some(ARRIVED)
    assert sorted(scope for scope, _ in counters.calls) == SCOPES
    folder.fold_some(ARRIVED + HOUR - 1)
    assert len(counters.calls) == len(SCOPES)
    folder.fold_some(ARRIVED + HOUR)
    assert len(counters.calls) == 2 * len(SCOPES)


def test_a_round_goes_on_after_the_next_batch_if_it_takes_long() -> None:
    counters = Recording()
    folder = make_folder(counters, seconds_a_call=0.6)
    for number in range(1, 5):
        folder.fold_some(ARRIVED + number)
        assert len(counters.calls) == number


def test_a_day_is_closed_two_hours_after_its_end() -> None:
    counters = Recording()
    midnight = ARRIVED // DAY * DAY
    for seconds, before in ((2 * HOUR - 1, -1), (2 * HOUR, 0)):
        make_folder(counters).fold_some(midnight + seconds)
        assert counters.calls[-1][1] == midnight // DAY + before


def test_what_fails_is_tried_in_the_next_round() -> None:
    counters = Recording()
    folder = make_folder(counters)
    counters.fails = True
    folder.fold_some(ARRIVED)
    counters.fails = False
    folder.fold_some(ARRIVED + 1)
    folder.fold_some(ARRIVED + HOUR)
    assert {scope for scope, _ in counters.calls[1:]} == {*SCOPES}


def test_a_folded_day_reads_as_before() -> None:
    plane = EventPlane()
    plane.assign("u1", "control")
    plane.deliver(kinesis([purchase("u1", value=0.1), purchase("u2", value=3, currency="EUR")]))
    before = plane.counted()
    assert plane.counters.fold("checkout", 20_780, ARRIVED) == 2
    assert plane.counted() == before


def test_a_mistake_in_folding_fails_no_batch(caplog: pytest.LogCaptureFixture) -> None:
    """Lambda would deliver the settled batch again and again."""

    class Broken(Recording):
        def fold(self, scope: str, before: int, now: float) -> int:
            raise KeyError(f"of {scope}, {before}, {now}")

    make_folder(Broken()).fold_some(ARRIVED)
    assert "could not be folded: KeyError" in caplog.text
