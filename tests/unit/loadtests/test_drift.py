"""What grows under a steady load is found and named; what only jitters is not."""

import random

import pytest

from loadtests.load.drift import find_drifts, find_slower
from loadtests.load.processes import Sample, Usage
from loadtests.load.requests_log import Request

SECONDS = 600


def usage(name: str, **growth: float) -> Usage:
    """600 samples; each measure grows by so much until the end, and jitters."""
    chance = random.Random(1)

    def value(measure: str, base: float, at: int) -> float:
        return base + growth.get(measure, 0.0) * at / SECONDS + chance.uniform(-2, 2)

    samples = [
        Sample(at, 50, value("memory", 100, at), int(value("threads", 20, at)), int(value("files", 40, at)))
        for at in range(SECONDS)
    ]
    return Usage({name: samples})


@pytest.mark.parametrize(
    ("growth", "measure"),
    [({"memory": 120}, "memory"), ({"threads": 40}, "threads"), ({"files": 60}, "descriptors")],
)
def test_a_process_that_grows_is_named(growth: dict[str, float], measure: str) -> None:
    (drift,) = find_drifts(usage("worker 1", **growth), 0, SECONDS)
    assert (drift.who, drift.what, drift.is_expected) == ("worker 1", measure, False)
    assert str(drift).startswith(f"worker 1: {measure} grew from ")


def test_a_process_that_jitters_is_not() -> None:
    assert find_drifts(usage("worker 1"), 0, SECONDS) == []


def test_what_is_loaded_in_the_first_quarter_is_no_drift() -> None:
    samples = [Sample(at, 50, 100 if at < 100 else 400, 20, 40) for at in range(SECONDS)]
    assert find_drifts(Usage({"worker 1": samples}), 0, SECONDS) == []


def test_a_store_in_memory_may_grow_but_not_its_threads() -> None:
    (drift,) = find_drifts(usage("emulator", memory=500), 0, SECONDS)
    assert drift.is_expected
    (drift,) = find_drifts(usage("emulator", threads=100), 0, SECONDS)
    assert not drift.is_expected


@pytest.mark.parametrize(("last", "names"), [(89, ["10 events"]), (33, []), (31, [])])
def test_a_kind_of_request_that_becomes_slower_is_named(last: float, names: list[str]) -> None:
    """From 30 to 89 ms was a drift that nobody saw."""
    requests = [Request(at, "10 events", 30 + (last - 30) * at / SECONDS, False) for at in range(SECONDS)]
    requests += [Request(at, "flag", 3 + at % 2, False) for at in range(SECONDS)]
    assert [drift.who for drift in find_slower(requests, 0, SECONDS)] == names
