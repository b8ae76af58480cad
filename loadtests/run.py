"""`make load`: Locust's scenarios against the service in several processes; prints tables, writes a report.

Two things stand behind the service, one after the other: a stub of DynamoDB's wire protocol, which measures
the service, and the local AWS emulator, which measures all of it and is often the limit itself. It fails if a
limit is exceeded (not those of time with the emulator), or if a scenario was not measured.

    make load ARGS="--scenario steady --seconds 10"
    REALTIME_KEY=rt_… make load ARGS="--host https://decide.example.com --users 200"
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chalicelib.settings import Settings
from loadtests.load.cluster import ENDPOINT, find_emulator, read_tables, run_stub, run_workers
from loadtests.load.measure import FOLDER, Run, run_scenario, wait_for
from loadtests.load.report import write_report
from loadtests.load.saturation import Step, explain_limit, find_saturation, measure_steps
from loadtests.load.shapes import SCENARIOS
from realtime.demo.cdnow import DEFINITIONS
from realtime.local.stack import LocalStack

NOTES = (
    "Locust runs on the same machine and uses a core of its own at saturation. So its times are longer than "
    "those of callers elsewhere, and the saturation is that of both together.",
)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse_options(arguments)
    console = Console()
    try:
        runs = _measure_host(options) if options.host else _measure_locally(console, options)
    except (RuntimeError, OSError) as error:  # LocalError too
        print(error, file=sys.stderr)
        return 1
    saturations = {}
    for run in runs:
        if run.scenario == "steps":
            steps = measure_steps(run)
            saturations[run.behind] = (steps, _judge_steps(steps, run.behind))
            print_steps(console, *saturations[run.behind])
    scenarios = [run for run in runs if run.scenario != "steps"]
    report = Path(options.report)
    write_report(report, scenarios, saturations, NOTES)
    numbers = [
        {"scenario": run.scenario, "behind": run.behind, "rows": [asdict(row) for row in run.summarize()]}
        for run in runs
    ]
    report.with_suffix(".json").write_text(json.dumps(numbers, indent=1))
    status = max([print_run(console, run) for run in scenarios], default=0)
    console.print(f"Report: {report}", soft_wrap=True)
    return status


def print_run(console: Console, run: Run) -> int:
    """Prints a table; 1 if a limit is exceeded, else 0."""
    console.print(f"\n[b]{run.scenario}[/b], {run.behind}: {SCENARIOS[run.scenario].about}")
    table = Table("request", "RPS", "P50", "P95", "P99 ms", "")
    rows, status = run.summarize(), 0
    for row in rows:
        reason = row.explain_failure(has_limits=run.behind != "emulator")
        status |= bool(reason)
        table.add_row(
            row.name,
            f"{row.per_second:.0f}",
            *(f"{v:.0f}" for v in (row.p50, row.p95, row.p99)),
            reason or "ok",
        )
    console.print(table)
    missing = SCENARIOS[run.scenario].mix.keys() - {row.name for row in rows}
    if missing:
        console.print(f"Not measured: {', '.join(sorted(missing))}.")
    return int(bool(missing) or status)


def print_steps(console: Console, steps: Sequence[Step], verdict: str) -> None:
    table = Table("users", "requests/s", "P50", "P99 ms", "machine")
    for step in steps:
        times = f"{step.p50:.0f}", f"{step.p99:.0f}"
        table.add_row(str(step.users), f"{step.per_second:.0f}", *times, f"{step.machine:.0f} %")
    console.print(table)
    console.print(verdict)


def _judge_steps(steps: Sequence[Step], behind: str) -> str:
    step = find_saturation(steps)
    if step is None:
        last = steps[-1]
        return f"With {behind}: not saturated with {last.users} users at {last.per_second:.0f} requests/s."
    limit = explain_limit(step, behind)
    return f"With {behind}: saturated with {step.users} users at {step.per_second:.0f} requests/s by {limit}."


def _measure_host(options: argparse.Namespace) -> list[Run]:
    wait_for(options.host, options.wait)
    return [
        run_scenario(name, options.host, "AWS", users=options.users, seconds=options.seconds, processes={})
        for name in options.scenarios
    ]


def _measure_locally(console: Console, options: argparse.Namespace) -> list[Run]:
    settings, runs = Settings.from_env({}), []
    with LocalStack(settings) as stack:
        publish_demo(console)
        for behind in options.behind:
            with ExitStack() as running:
                environment, processes = dict(stack.environment), {"emulator": find_emulator()}
                if behind == "stub":
                    tables = read_tables(stack.clients, settings)
                    environment[ENDPOINT], pid = running.enter_context(run_stub(tables))
                    processes = {"stub": pid}
                url, workers = running.enter_context(run_workers(environment, options.workers))
                for name in options.scenarios:
                    console.print(f"{name}, {behind} …")
                    runs.append(
                        run_scenario(
                            name,
                            url,
                            behind,
                            users=options.users,
                            seconds=options.seconds,
                            processes=workers | processes,
                        )
                    )
    return runs


def publish_demo(console: Console) -> None:
    from chalicelib.wiring import plane
    from realtime.commands.publish import publish

    publish(console, plane().definitions, [DEFINITIONS], strict=True)


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(SCENARIOS)
    parser.add_argument("--scenario", action="append", dest="scenarios", choices=SCENARIOS, metavar="NAME",
                        help=f"one of {names}; again for more (default: all but soak)")  # fmt: skip
    parser.add_argument("--behind", action="append", choices=("stub", "emulator"), help="default: both")
    parser.add_argument("--users", type=int, default=40, help="ten requests a second each (default 40)")
    parser.add_argument("--seconds", type=float, default=20, help="of each scenario (default 20)")
    parser.add_argument("--workers", type=int, default=2, help="processes of the service (default 2)")
    parser.add_argument("--host", default="", help="a deployment instead; REALTIME_KEY is its key")
    parser.add_argument("--wait", type=float, default=10, help="seconds for the host to answer (default 10)")
    parser.add_argument("--report", default=str(FOLDER / "report.html"), help="where the report goes")
    options = parser.parse_args(arguments)
    options.scenarios = options.scenarios or [name for name in SCENARIOS if name != "soak"]
    options.behind = options.behind or ["stub", "emulator"]
    return options


if __name__ == "__main__":
    sys.exit(main())
