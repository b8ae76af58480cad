"""`capacity`: what a load needs of AWS, and what it costs."""

import json

from rich.console import Console

from realtime.capacity.drawing import draw_report
from realtime.capacity.load import MONTH_SECONDS, Load
from realtime.capacity.report import describe_report, make_report


def find_share(rps: float, requests: float | None) -> float:
    """Of what ``rps`` all month long would be. Raises ValueError."""
    if requests is None:
        return 1.0
    share = requests / (rps * MONTH_SECONDS)
    if not 0 < share <= 1:
        raise ValueError(
            f"--requests {requests:,.0f} must be above 0 and at most {rps * MONTH_SECONDS:,.0f}, "
            f"a month of --rps {rps:,g}"
        )
    return share


def show_capacity(console: Console, load: Load, rise: float, stay: float, *, as_json: bool = False) -> None:
    report = make_report(load, rise, stay)
    if as_json:
        print(json.dumps(describe_report(report)))
    else:
        console.print(draw_report(report))
