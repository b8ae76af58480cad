"""`capacity` on the command line."""

import json
from typing import Any

import pytest

from realtime.capacity.facts import MEASURED
from realtime.capacity.load import Load
from realtime.capacity.ramp import simulate_rise
from realtime.capacity.sizing import compute_size
from tests.support.capacity_page import run_command

LARGE = "--rps 100000 --users 50000000 --events 1000000 --rise 0 --stay 0"


def run(options: str, columns: int = 60) -> str:
    return run_command(f"capacity {options}", columns)


@pytest.mark.parametrize("front", ["rest", "http", "alb"])
def test_every_line_fits_60_columns_and_no_number_is_cut(front: str) -> None:
    narrow, wide = (run(f"{LARGE} --front {front}", columns) for columns in (60, 200))
    assert max(map(len, narrow.splitlines())) <= 60
    assert "…" not in narrow
    assert narrow.split() == wide.split()


def test_json_has_every_part() -> None:
    answer: dict[str, Any] = json.loads(run("--rps 300 --events 1000000 --json"))
    assert answer["functions"]["feature_flags"]["units"] == 22
    assert answer["concurrency"] == 100 + sum(each["units"] for each in answer["functions"].values())
    assert answer["stream"]["shards"] == 1
    assert answer["dollars_a_month"] == pytest.approx(
        sum(item["dollars"] for item in answer["costs"]), abs=0.1
    )
    assert answer["simulation"]["assignment"]["p99"] < 50
    assert answer["measured_on"] == MEASURED["measured_on"]
    assert {quota["name"] for quota in answer["quotas"] if quota["raise"]} == set()


def test_without_seconds_nothing_is_simulated() -> None:
    assert json.loads(run("--rps 30 --rise 0 --stay 0 --json"))["simulation"] == {}
    assert "Simulated" not in run("--rps 30 --rise 0 --stay 0")


def test_more_requests_than_the_rate_allows_are_refused() -> None:
    message = "--requests 100,000,000 must be above 0 and at most 2,628,000, a month of --rps 1"
    with pytest.raises(ValueError, match=message):
        run("--rps 1 --requests 100000000")


@pytest.mark.parametrize("start", ["cold", "snapstart"])
def test_p99_stays_within_the_promise_while_the_promised_load_rises(start: Any) -> None:
    """50 ms for assignments and 40 ms for flags, at 10,000 and 20,000 a second. Every assignment is new."""
    load = Load(10_000, 20_000, users=10**11, events_per_hour=1_000_000, start=start)
    outcomes = simulate_rise(load, compute_size(load), 30, 15)
    assert outcomes["assignment"].p99 < 50
    assert outcomes["feature_flags"].p99 < 40
    assert all(outcome.refused_share < 1e-3 for outcome in outcomes.values())
