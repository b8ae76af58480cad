"""The parts of `make load` that compute: users, scenarios, percentiles, saturation, the report."""

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from loadtests.load.measure import Run
from loadtests.load.processes import Sample, Usage
from loadtests.load.report import write_report
from loadtests.load.requests_log import Request, find_percentile, read_requests, summarize
from loadtests.load.saturation import Step, explain_limit, find_saturation, measure_steps
from loadtests.load.shapes import SCENARIOS, STEPS
from loadtests.load.traffic import BULK, KINDS, MIXED, Zipf


def test_the_mix_is_thirty_sixty_ten() -> None:
    assert MIXED["assign"] == 30
    assert MIXED["flag"] + MIXED["all flags"] == 60
    assert MIXED["10 events"] == 10
    assert sum(BULK.values()) == 100
    assert {*MIXED, *BULK} == KINDS.keys()


def test_users_are_asked_for_by_zipf() -> None:
    zipf, chance = Zipf(1000), random.Random(1)
    counts = Counter(zipf.choose(chance) for _ in range(50_000))
    total = sum(1 / rank for rank in range(1, 1001))
    for rank in (1, 2, 5, 10):
        expected = 50_000 / rank / total
        assert abs(counts[f"visitor-{rank - 1}"] - expected) < 6 * expected**0.5
    assert len(counts) > 900


@pytest.mark.parametrize(
    ("scenario", "users"),
    [
        ("steady", [100, 100, 100]),
        ("soak", [100, 100, 100]),
        ("ramp", [1, 50, 100]),
        ("spike", [20, 100, 20]),
        ("steps", [STEPS[0], STEPS[3], STEPS[-1]]),
    ],
)
def test_scenarios_have_their_shape(scenario: str, users: list[int]) -> None:
    assert [SCENARIOS[scenario].count_users(share, 100) for share in (0.0, 0.5, 0.999)] == users


def test_only_new_users_are_new() -> None:
    assert [name for name, one in SCENARIOS.items() if one.has_new_users] == ["new-users"]


def test_percentiles_and_limits() -> None:
    assert [find_percentile(list(range(100)), share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert find_percentile([], 0.5) == 0
    fast = summarize([Request(0, "flag", 10, False) for _ in range(1000)], 10)[0]
    assert (fast.per_second, fast.explain_failure()) == (100, "")
    slow = summarize([Request(0, "flag", 41, False) for _ in range(1000)], 10)[0]
    assert slow.explain_failure() == "P99 41 ms is over 40 ms"
    assert slow.explain_failure(has_limits=False) == ""
    failed = summarize([Request(0, "flag", 10, number < 2) for number in range(1000)], 10)[0]
    assert failed.explain_failure(has_limits=False) == "2 of 1000 failed"


def step(users: int, per_second: float, machine: float = 50.0, others: float = 0.0, **cpu: float) -> Step:
    by_name = {name.replace("_", " "): share for name, share in cpu.items()}
    return Step(users, per_second, 1, 2, by_name, machine, others)


def test_saturation_is_where_more_users_bring_nothing() -> None:
    steps = [step(1, 100), step(2, 190), step(4, 300), step(8, 310), step(16, 305)]
    found = find_saturation(steps)
    assert found is not None
    assert found.users == 4
    assert find_saturation(steps[:3]) is None


def test_its_limit_is_named() -> None:
    assert "the cores of this machine" in explain_limit(step(4, 9, 95, worker_1=90, Locust=90), "stub")
    assert "one core: emulator" in explain_limit(step(4, 9, 60, worker_1=20, emulator=97), "emulator")
    assert "waiting for what is behind the service (stub)" in explain_limit(
        step(4, 9, 30, worker_1=30), "stub"
    )
    assert "other processes, which use 80 %" in explain_limit(step(4, 9, 90, 80, worker_1=20), "stub")


def build_run(scenario: str = "steady") -> Run:
    requests = [Request(at / 10, name, 5.0, False) for at in range(700) for name in MIXED]
    samples = [Sample(at, 50.0, 90.0, 10, 20) for at in range(70)]
    machine = [(float(at), 40.0) for at in range(70)]
    return Run(scenario, "stub", 0.0, 70.0, requests, Usage({"worker <1>": samples}, machine))


def test_each_step_is_measured_by_itself() -> None:
    steps = measure_steps(build_run("steps"))
    assert [one.users for one in steps] == list(STEPS)
    assert all(abs(one.per_second - 40) < 6 and one.cpu == {"worker <1>": 50.0} for one in steps)


def test_the_report_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    run = build_run()
    steps = measure_steps(run)
    write_report(tmp_path / "report.html", [run], {"stub": (steps, "saturated")}, ["a note"])
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 8  # requests a second, three percentiles, four measures of processes
    assert not re.search(r"(?:src|href)=|https?://", page)
    for text in (
        "a note",
        "saturated",
        "a stub of DynamoDB",
        "worker &lt;1&gt;",
        "descriptors",
        "CPU",
        "P95",
    ):
        assert text in page


def test_the_log_is_read_back(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("1.5,all flags,2.25,0\n2.0,flag,3.00,1\n")
    assert read_requests(tmp_path / "log.csv") == [
        Request(1.5, "all flags", 2.25, False),
        Request(2.0, "flag", 3.0, True),
    ]
