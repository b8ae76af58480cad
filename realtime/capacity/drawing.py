"""The report as text of 60 columns or more."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from realtime.capacity.costs import sum_group
from realtime.capacity.facts import MEASURED
from realtime.capacity.load import MONTH_SECONDS
from realtime.capacity.quotas import UNRESERVED, Quota
from realtime.capacity.report import Report

STARTS = {
    "cold": "cold starts",
    "snapstart": "SnapStart",
    "provisioned": "provisioned concurrency",
}


def draw_report(report: Report) -> RenderableType:
    parts = [
        _draw_load(report),
        _draw_functions(report),
        _draw_data(report),
        _draw_quotas(report.quotas),
        _draw_costs(report),
        *([_draw_simulation(report)] if report.outcomes else []),
        Text(
            f"CPU time measured on {MEASURED['measured_on']}; waits for AWS, prices and limits are "
            "AWS's own. Assumptions: docs/capacity.md."
        ),
    ]
    return Group(*_separate(parts))


def _separate(parts: list[RenderableType]) -> Iterator[RenderableType]:
    for index, part in enumerate(parts):
        if index:
            yield Text("")
        yield part


def _draw_load(report: Report) -> RenderableType:
    load = report.load
    table = _make_table("At the peak", "a second", "a month")
    rows = {
        "assignments": load.assigns,
        "flag requests": load.flags,
        "events of clients": load.events,
        "requests at the front door": load.requests,
    }
    for name, rate in rows.items():
        table.add_row(name, _round(rate), _shorten(rate * MONTH_SECONDS * load.share))
    return table


def _draw_functions(report: Report) -> RenderableType:
    table = _make_table("Function", "calls/s", "ms", "by time", "by rate", "reserve")
    for name, function in report.size.functions.items():
        table.add_row(
            name,
            _round(function.rate),
            f"{function.milliseconds:,.1f}",
            f"{function.by_duration:,}",
            f"{function.by_rate:,}",
            f"{function.units:,}",
        )
    table.add_row("and unreserved", "", "", "", "", f"{UNRESERVED:,}")
    table.add_row("Lambda in all", "", "", "", "", f"{report.size.concurrency + UNRESERVED:,}", style="bold")
    return table


def _draw_data(report: Report) -> RenderableType:
    size = report.size
    table = _make_table("Data", "reads/s", "writes/s")
    for name in ("assignments", "counters", "publications"):
        units = getattr(size, name)
        table.add_row(f"table {name}, units", _round(units.reads), _round(units.writes))
    table.add_row("shards needed", "", f"{size.shards:,}")
    table.add_row("shards that may be open", "", f"{size.open_shards:,}")
    table.add_row("ms of a batch of 500 events", "", f"{size.batch_ms:,.0f}")
    return table


def _draw_quotas(quotas: list[Quota]) -> RenderableType:
    to_raise = [quota for quota in quotas if quota.has_to_be_raised]
    if not to_raise:
        return Text("No quota has to be raised above AWS's defaults.")
    table = _make_table("Quota to raise", "needed", "default")
    for quota in to_raise:
        table.add_row(f"{quota.name}\n  {quota.how}", f"{quota.needed:,}", f"{quota.default:,}")
    return table


def _draw_costs(report: Report) -> RenderableType:
    table = _make_table("A month", "units", "$")
    groups = list(dict.fromkeys(item.group for item in report.costs))
    for group in groups:
        table.add_row(group, "", _money(sum_group(report.costs, group)), style="bold")
        for item in report.costs:
            if item.group == group:
                table.add_row(f"  {item.what}", _round(item.units), _money(item.dollars))
    table.add_row("In all", "", _money(report.dollars), style="bold")
    return table


def _draw_simulation(report: Report) -> RenderableType:
    rise, stay = report.rise
    table = _make_table("Simulated", *report.outcomes)
    rows = {
        "requests": [f"{each.requests:,}" for each in report.outcomes.values()],
        "refused (429)": [f"{each.refused_share:.2%}" for each in report.outcomes.values()],
        "with a new environment": [f"{each.cold_share:.2%}" for each in report.outcomes.values()],
        "environments busy at most": [f"{each.busy:,}" for each in report.outcomes.values()],
        "answered in, P50, ms": [f"{each.p50:,.1f}" for each in report.outcomes.values()],
        "answered in, P99, ms": [f"{each.p99:,.1f}" for each in report.outcomes.values()],
        "P99 after the rise, ms": [f"{each.p99_after:,.1f}" for each in report.outcomes.values()],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return Group(
        table,
        Text(f"From none to the peak in {rise:g} s, then {stay:g} s; {STARTS[report.load.start]}."),
    )


def _make_table(title: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column(title)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:,.1f}"


def _money(dollars: float) -> str:
    return f"{dollars:,.0f}" if dollars >= 100 else f"{dollars:,.2f}"


def _shorten(count: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:,.1f} {letter}"
    return f"{count:,.0f}"
