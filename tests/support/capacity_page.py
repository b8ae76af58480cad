"""What docs/capacity.md shows: `python -m tests.support.capacity_page` writes it anew."""

import re
import shlex

from typer.testing import CliRunner

from realtime.capacity.costs import sum_group
from realtime.capacity.load import Front, Load
from realtime.capacity.report import Report, make_report
from realtime.cli import app
from realtime.cli.program import console
from realtime.commands.capacity import find_share
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "capacity.md"
COMMAND = "python -m realtime "
BLOCK = re.compile(rf"(?<=```console\n\$ {COMMAND})(capacity [^\n]*)\n(.*?)(?=```)", re.DOTALL)
TABLE = re.compile(r"(?<=<!-- targets -->\n\n)(.*?)(?=\n<!-- end -->)", re.DOTALL)
COLUMNS = 64
TARGETS: dict[str, tuple[float, float | None, int, float]] = {
    "100 M a month": (114, 1e8, 1_000_000, 150_000),
    "10,000/s": (10_000, None, 10_000_000, 1_000_000),
    "20,000/s": (20_000, None, 10_000_000, 1_000_000),
    "30,000/s": (30_000, None, 10_000_000, 1_000_000),
    "100,000/s": (100_000, None, 50_000_000, 1_000_000),
}
"""Decisions in the busiest second, decisions a month, users, events an hour."""


def run_command(arguments: str, columns: int = COLUMNS) -> str:
    """Its output, on a terminal of so many columns."""
    earlier = vars(console)["_width"]
    console.width = columns
    try:
        result = CliRunner().invoke(app, shlex.split(arguments), catch_exceptions=False)
    finally:
        vars(console)["_width"] = earlier
    if result.exit_code:
        raise ValueError(f"{arguments}: {result.output}")
    return "".join(f"{line.rstrip()}\n" for line in result.output.splitlines())


def report_target(name: str, front: Front, seconds: float = 0) -> Report:
    rps, requests, users, events = TARGETS[name]
    assigns = rps / 3
    share = find_share(rps, requests)
    load = Load(assigns, rps - assigns, users, events, share=share, front=front)
    return make_report(load, 2 * seconds, seconds)


def build_table() -> str:
    rows = [
        "| decisions | Lambda concurrency | shards | Lambda | in all: REST | HTTP | ALB |",
        "|---|" + "---:|" * 6,
    ]
    for name in TARGETS:
        rest, http, alb = (report_target(name, front) for front in ("rest", "http", "alb"))
        concurrency = rest.size.concurrency + 100
        costs = [sum_group(rest.costs, "Lambda"), rest.dollars, http.dollars, alb.dollars]
        dollars = " | ".join(f"${cost:,.0f}" for cost in costs)
        rows.append(f"| {name} | {concurrency:,} | {rest.size.shards} | {dollars} |")
    return "\n".join(rows) + "\n"


def list_blocks(text: str) -> list[tuple[str, str]]:
    """Each command with its options, and the output that the page shows."""
    return BLOCK.findall(text)


def main() -> None:
    text = BLOCK.sub(lambda match: f"{match[1]}\n{run_command(match[1])}", PAGE.read_text())
    PAGE.write_text(TABLE.sub(lambda _: build_table(), text))


if __name__ == "__main__":
    main()
