import pytest

from chalicelib.domain.errors import Throttled
from chalicelib.services.admin.request_rates import MAX_KEYS, RequestRates


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def count_taken(rates: RequestRates, key_id: str, tries: int) -> int:
    taken = 0
    for _ in range(tries):
        try:
            rates.take(key_id)
        except Throttled:
            continue
        taken += 1
    return taken


def test_a_key_may_ask_often_at_once_and_then_at_its_rate() -> None:
    clock = Clock()
    rates = RequestRates(clock, rate=2.0, burst=5.0)
    assert count_taken(rates, "a", 20) == 5
    clock.now += 1.5
    assert count_taken(rates, "a", 20) == 3
    clock.now += 1_000.0
    assert count_taken(rates, "a", 20) == 5


def test_who_asks_too_often_learns_when_to_come_back() -> None:
    clock = Clock()
    rates = RequestRates(clock, rate=0.1, burst=1.0)
    rates.take("a")
    with pytest.raises(Throttled) as refused:
        rates.take("a")
    assert refused.value.retry_after == 10
    clock.now += refused.value.retry_after
    rates.take("a")


def test_one_key_takes_nothing_from_another() -> None:
    rates = RequestRates(Clock(), rate=1.0, burst=1.0)
    assert count_taken(rates, "a", 10) == 1
    assert count_taken(rates, "b", 10) == 1


def test_what_it_remembers_is_bounded() -> None:
    rates = RequestRates(Clock(), rate=1.0, burst=1.0)
    for number in range(3 * MAX_KEYS):
        rates.take(f"key {number}")
    assert count_taken(rates, f"key {3 * MAX_KEYS - 1}", 1) == 0
    assert count_taken(rates, "key 0", 1) == 1  # forgotten, as so many others came
