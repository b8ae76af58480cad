"""What the model reckons with: prices, measured CPU time and sizes, and what only AWS's documents say."""

import json
import math
import tomllib
from pathlib import Path
from statistics import NormalDist
from typing import Any, Final, NamedTuple

FOLDER = Path(__file__).parent
MEASURED_FILE = FOLDER / "measured.json"
"""Written by `python -m loadtests.measure_capacity`."""
PRICES: Final[dict[str, dict[str, Any]]] = tomllib.loads((FOLDER / "prices.toml").read_text())
MEASURED: Final[dict[str, Any]] = json.loads(MEASURED_FILE.read_text())
CPU_MS: Final[dict[str, float]] = MEASURED["cpu_ms"]
BYTES: Final[dict[str, int]] = MEASURED["bytes"]

MB_OF_ONE_CPU = 1769
"""Lambda gives a function of so much memory one vCPU, and others in proportion (AWS's documents)."""
REQUESTS_PER_UNIT = 10
"""Lambda serves at most so many requests a second for each unit of concurrency (AWS's documents)."""
ENVIRONMENTS_AT_ONCE, ENVIRONMENTS_PER_SECOND = 1_000, 100
"""A function gets at most 1,000 new environments every ten seconds, refilled evenly (AWS's documents)."""


class Wait(NamedTuple):
    """Milliseconds, log-normal: taken from AWS's documents and common reports, not measured."""

    median: float
    p99: float

    @property
    def sigma(self) -> float:
        return math.log(self.p99 / self.median) / NormalDist().inv_cdf(0.99)

    @property
    def mean(self) -> float:
        return self.median * math.exp(self.sigma**2 / 2)


WAITS: Final = {
    "read": Wait(3, 10),  # DynamoDB: single-digit milliseconds
    "write": Wait(5, 15),
    "kinesis": Wait(8, 30),
    "firehose": Wait(20, 80),
}
PLACEMENT: Final = Wait(100, 250)
"""Before Lambda starts the code of a new environment."""
RESTORE: Final = Wait(250, 700)
"""From SnapStart's snapshot to the first instruction of the handler."""


def charge(units: float, price: float | list[list[float]]) -> float:
    """Dollars. ``price`` is a number or tiers of `prices.toml`."""
    if not isinstance(price, list):
        return units * price
    dollars, begin = 0.0, 0.0
    for end, unit_price in price:
        dollars += max(0.0, min(units, end) - begin) * unit_price
        begin = end
    return dollars
