"""The simulation agrees with Erlang's formula where that holds, and with Lambda's rules elsewhere."""

import math
import random
from collections.abc import Callable

import pytest

from realtime.capacity.simulation import Bucket, Function, Outcome, simulate
from realtime.capacity.sizing import count_servers, erlang_b

ENDLESS = math.inf


def build_function(
    units: int, draw_ms: Callable[[random.Random], float], start_ms: float = 0.0, **more: float
) -> Function:
    """Without limits but ``units``, unless ``more`` sets them."""

    def sample(draw: random.Random) -> tuple[float, float]:
        milliseconds = draw_ms(draw)
        return milliseconds, milliseconds

    limits = {"at_once": ENDLESS, "per_second": 0.0, "has_rate_limit": False, **more}
    return Function(units, sample, lambda _: start_ms, **limits)  # type: ignore[arg-type]


def exponential(draw: random.Random) -> float:
    return draw.expovariate(1 / 100)


def constant(_: random.Random) -> float:
    return 100.0


@pytest.mark.parametrize(("servers", "offered", "blocked"), [(1, 1, 0.5), (2, 1, 0.2), (10, 5, 0.018385)])
def test_erlangs_formula_gives_the_known_values(servers: int, offered: float, blocked: float) -> None:
    assert erlang_b(servers, offered) == pytest.approx(blocked, abs=1e-6)


@pytest.mark.parametrize("offered", [0.1, 3.7, 86.0, 310.0])
def test_the_fewest_servers_keep_within_the_loss(offered: float) -> None:
    servers = count_servers(offered, 1e-3)
    assert erlang_b(servers, offered) <= 1e-3 < erlang_b(servers - 1, offered)


@pytest.mark.parametrize(("servers", "offered"), [(5, 3.0), (20, 15.0), (40, 45.0)])
@pytest.mark.parametrize("draw_ms", [exponential, constant])
def test_losses_are_erlangs_for_any_distribution_of_times(
    servers: int, offered: float, draw_ms: Callable[[random.Random], float]
) -> None:
    """Within four standard errors of runs that share no random number."""
    rate, runs = offered / 0.1, 8
    shares = [
        simulate(build_function(servers, draw_ms), rate, 0, 2_500 / rate, seed).refused_share
        for seed in range(runs)
    ]
    mean = sum(shares) / runs
    error = math.sqrt(sum((share - mean) ** 2 for share in shares) / (runs - 1) / runs)
    assert abs(mean - erlang_b(servers, offered)) < 4 * error
    assert error < 0.2 * erlang_b(servers, offered)


def simulate_load(
    rate: float, units: int = 10_000, rise: float = 0, stay: float = 2, **more: float
) -> Outcome:
    return simulate(build_function(units, constant, **more), rate, rise, stay)


def test_arrivals_reach_the_rate_evenly() -> None:
    assert simulate_load(2_000, rise=4, stay=2).requests == pytest.approx(2_000 * (4 / 2 + 2), rel=0.03)


def test_a_function_gets_so_many_environments_at_once_and_so_many_a_second_later() -> None:
    outcome = simulate_load(4_000, start_ms=1_000, at_once=100, per_second=10)
    assert outcome.environments == pytest.approx(100 + 2 * 10, abs=2)
    assert outcome.refused > 0


def test_more_than_ten_requests_a_second_for_a_unit_are_refused() -> None:
    """Though environments are idle: 2,000 a second of 1 ms keep two busy."""
    outcome = simulate(build_function(100, lambda _: 1.0, has_rate_limit=True), 2_000, 0, 10)
    assert outcome.busy < 20
    assert outcome.refused_share == pytest.approx(0.45, abs=0.02)  # 1,000 of 2,000 and one second's worth


def test_a_new_environment_delays_its_first_request_only() -> None:
    outcome = simulate_load(100, start_ms=700, stay=20)
    assert outcome.p50 == 100
    assert outcome.cold == outcome.environments > 0


def test_provisioned_environments_are_there_before_the_load() -> None:
    outcome = simulate_load(100, start_ms=700, warm=40)
    assert (outcome.cold, outcome.p99) == (0, 100)


def test_unused_tokens_do_not_add_up() -> None:
    bucket = Bucket(capacity=2, per_second=1)
    assert [bucket.take(at) for at in (100, 100, 100, 101, 101)] == [True, True, False, True, False]


def test_the_same_seed_gives_the_same_outcome() -> None:
    function = build_function(50, exponential, start_ms=300)
    assert simulate(function, 300, 1, 2, seed=4) == simulate(function, 300, 1, 2, seed=4)
    assert simulate(function, 300, 1, 2, seed=4) != simulate(function, 300, 1, 2, seed=5)
