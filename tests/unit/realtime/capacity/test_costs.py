"""The bill of a month."""

from dataclasses import replace
from datetime import date
from math import inf
from urllib.parse import urlparse

import pytest

from realtime.capacity.costs import Item, list_costs, sum_group
from realtime.capacity.facts import PRICES, charge
from realtime.capacity.load import MONTH_SECONDS, Front, Load
from realtime.capacity.sizing import compute_size


def bill(load: Load) -> list[Item]:
    return list_costs(load, compute_size(load))


def find_dollars(load: Load, what: str) -> float:
    [item] = [item for item in bill(load) if item.what.startswith(what)]
    return item.dollars


def build_month(requests: float, front: Front = "rest") -> Load:
    rate = requests / MONTH_SECONDS
    return Load(rate / 3, rate * 2 / 3, front=front)


def test_tiers_are_charged_one_after_another() -> None:
    tiers = [[10, 3.0], [20, 2.0], [inf, 1.0]]
    assert [charge(units, tiers) for units in (0, 5, 10, 15, 30)] == [0, 15, 30, 40, 60]
    assert charge(7, 2.0) == 14


@pytest.mark.parametrize(
    ("front", "what", "at_1_m", "at_100_m", "at_10_g"),
    [
        ("rest", "REST", 4, 350, 24_450),
        ("http", "HTTP", 1, 100, 9_030),
    ],
)
def test_a_gateway_costs_what_its_price_page_says(
    front: Front, what: str, at_1_m: float, at_100_m: float, at_10_g: float
) -> None:
    costs = [find_dollars(build_month(requests, front), what) for requests in (1e6, 1e8, 1e10)]
    assert costs == pytest.approx([at_1_m, at_100_m, at_10_g], rel=0.02, abs=0.51)


def test_a_load_balancer_costs_a_fraction_at_ten_billion_requests() -> None:
    load = build_month(1e10, "alb")
    without_addresses = sum(item.dollars for item in bill(load) if item.what.startswith("ALB")) - 7.30
    assert without_addresses == pytest.approx(416, rel=0.02)


def test_lambda_costs_less_than_60_dollars_for_100_million_requests() -> None:
    """The promise is $500."""
    load = replace(build_month(1e8), events_per_hour=100_000)
    assert sum_group(bill(load), "Lambda") < 60
    assert sum_group(bill(load), "Lambda") + sum_group(bill(load), "SnapStart") < 500


def test_snapshots_cost_what_the_price_page_says() -> None:
    """512 MB: $1.98 a version and month; here two functions of 1 GB keep three each."""
    assert find_dollars(build_month(1e6), "snapshots kept") == pytest.approx(1.98 * 2 * 6, rel=0.01)
    assert sum_group(bill(replace(build_month(1e6), start="cold")), "SnapStart") == 0


def test_provisioned_concurrency_costs_for_waiting() -> None:
    load = replace(build_month(1e8), start="provisioned")
    assert find_dollars(load, "kept warm") > 0
    assert sum_group(bill(load), "SnapStart") == 0


@pytest.mark.parametrize("what", ["REST", "requests", "traces", "access log", "in, 1 KB"])
def test_twice_the_requests_never_cost_less(what: str) -> None:
    once, twice = (find_dollars(build_month(requests), what) for requests in (1e8, 2e8))
    assert once < twice <= 2 * once + 0.01


def test_decisions_that_send_nothing_cost_no_stream() -> None:
    silent = replace(build_month(1e8), tracked=0, users=0)
    assert find_dollars(silent, "in, 1 KB") == 0
    assert find_dollars(silent, "Firehose") == 0


def test_every_price_has_its_page_its_source_and_its_date() -> None:
    for service, prices in PRICES.items():
        assert urlparse(prices["page"]).hostname == "aws.amazon.com", service
        assert prices["source"] in ("AWS's page", "price guide", "recalled"), service
        assert date.fromisoformat(f"{prices['dated']}-01") <= date.today(), service  # noqa: DTZ011


def test_every_price_is_used() -> None:
    """By the code, under its name."""
    from pathlib import Path

    import realtime.capacity.costs as module

    text = Path(module.__file__).read_text()
    for service, prices in PRICES.items():
        for name in prices.keys() - {"page", "source", "dated"}:
            assert f'"{name}"' in text, (service, name)
