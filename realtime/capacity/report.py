"""Everything that is known about a load, and as JSON."""

from dataclasses import asdict, dataclass
from typing import Any

from realtime.capacity.costs import Item, list_costs, sum_group
from realtime.capacity.facts import MEASURED, PRICES
from realtime.capacity.load import Load
from realtime.capacity.quotas import UNRESERVED, Quota, list_quotas
from realtime.capacity.ramp import simulate_rise
from realtime.capacity.simulation import Outcome
from realtime.capacity.sizing import Size, compute_size


@dataclass(frozen=True, slots=True)
class Report:
    load: Load
    size: Size
    quotas: list[Quota]
    costs: list[Item]
    rise: tuple[float, float]
    """Seconds in which the load rises, and seconds at its peak."""
    outcomes: dict[str, Outcome]

    @property
    def dollars(self) -> float:
        return sum_group(self.costs)


def make_report(load: Load, rise: float, stay: float) -> Report:
    size = compute_size(load)
    return Report(
        load=load,
        size=size,
        quotas=list_quotas(load, size),
        costs=list_costs(load, size),
        rise=(rise, stay),
        outcomes=simulate_rise(load, size, rise, stay) if rise + stay else {},
    )


def describe_report(report: Report) -> dict[str, Any]:
    """As JSON."""
    size = report.size
    functions = {
        name: {**_round_values(asdict(function)), "units": function.units}
        for name, function in size.functions.items()
    }
    names = ("assignments", "counters", "publications")
    tables = {name: _round_values(asdict(getattr(size, name))) for name in names}
    stream = {"shards": size.shards, "open_shards": size.open_shards, "batch_ms": round(size.batch_ms, 1)}
    fields = ("page", "source", "dated")
    prices = {service: {field: each[field] for field in fields} for service, each in PRICES.items()}
    return {
        "load": asdict(report.load),
        "functions": functions,
        "concurrency": size.concurrency + UNRESERVED,
        "stream": stream,
        "dynamodb": tables,
        "quotas": [quota._asdict() | {"raise": quota.has_to_be_raised} for quota in report.quotas],
        "costs": [_round_values(item._asdict()) for item in report.costs],
        "dollars_a_month": round(report.dollars, 2),
        "simulation": {name: _round_values(outcome._asdict()) for name, outcome in report.outcomes.items()},
        "measured_on": MEASURED["measured_on"],
        "prices": prices,
    }


def _round_values(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}
