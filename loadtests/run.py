"""`make load`: runs Locust against its own local stack, prints a table, and fails if a limit is exceeded."""

import argparse
import csv
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chalicelib.settings import Settings
from realtime.demo.cdnow import DEFINITIONS
from realtime.local.background import flush_after_responses
from realtime.local.stack import LocalStack

REPORT = Path("build") / "load"
MAX_ERROR_RATE = 0.001
LIMITS = {"assign": 50.0, "flag": 40.0, "all flags": 40.0, "10 events": 100.0}
"""P99 in milliseconds that the product promises."""


@dataclass(frozen=True, slots=True)
class RequestStats:
    """One row of Locust's report; times in milliseconds."""

    name: str
    requests: int
    failures: int
    per_second: float
    p50: float
    p95: float
    p99: float

    def explain_failure(self) -> str:
        """Which limit the row exceeds; empty if none."""
        if self.requests == 0:
            return "no request was made"
        if self.failures > MAX_ERROR_RATE * self.requests:
            return f"{self.failures} of {self.requests} failed"
        limit = LIMITS.get(self.name)
        return f"P99 {self.p99:.0f} ms is over {limit:.0f} ms" if limit and self.p99 > limit else ""


def main() -> int:
    options = _parse_options()
    REPORT.parent.mkdir(exist_ok=True)
    console = Console()
    if options.host:
        _run_locust(options, options.host)
    else:
        with LocalStack(Settings.from_env({})) as stack:
            _run_against_stack(console, stack, options)
    rows = read_stats(REPORT.with_name("load_stats.csv"))
    return print_report(console, rows)


def read_stats(stats: Path) -> list[RequestStats]:
    with stats.open(newline="") as text:
        return [
            RequestStats(
                row["Name"],
                int(row["Request Count"]),
                int(row["Failure Count"]),
                float(row["Requests/s"]),
                float(row["50%"]),
                float(row["95%"]),
                float(row["99%"]),
            )
            for row in csv.DictReader(text)
        ]


def print_report(console: Console, rows: list[RequestStats]) -> int:
    """Prints the table; 1 if a limit is exceeded or a scenario is missing, else 0."""
    table = Table("request", "count", "failed", "RPS", "P50", "P95", "P99 ms", "limit", "verdict")
    for row in rows:
        limit = f"{LIMITS[row.name]:.0f}" if row.name in LIMITS else ""
        times = (f"{value:.0f}" for value in (row.p50, row.p95, row.p99))
        verdict = row.explain_failure()
        table.add_row(
            row.name,
            str(row.requests),
            str(row.failures),
            f"{row.per_second:.1f}",
            *times,
            limit,
            verdict or "ok",
        )
    console.print(table)
    missing = LIMITS.keys() - {row.name for row in rows}
    if missing:
        console.print(f"Not measured: {', '.join(sorted(missing))}.")
    return int(bool(missing) or any(row.explain_failure() for row in rows))


def _run_against_stack(console: Console, stack: LocalStack, options: argparse.Namespace) -> None:
    import app as service
    from chalicelib.wiring import plane
    from realtime.commands.publish import publish

    publish(console, plane().definitions, [DEFINITIONS], strict=True)
    stack.pump({"event_processor": service.event_processor, "assignment_sync": service.assignment_sync})
    with flush_after_responses(plane().tracker.flush) as after_response:
        _run_locust(options, stack.serve(service.app, after_response=after_response))
    stack.drain(120)


def _run_locust(options: argparse.Namespace, host: str) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("locustfile.py"))]
    command += ["--headless", "--only-summary", "--host", host, "--csv", str(REPORT), "--loglevel", "WARNING"]
    command += ["-u", str(options.users), "-t", f"{options.seconds}s"]
    # All users start within five seconds, which warm the caches and do not count.
    command += ["-r", str(max(1, options.users // 5)), "--reset-stats"]
    command += ["--exit-code-on-error", "0", "--stop-timeout", "5"]
    with REPORT.with_suffix(".log").open("w") as log:
        subprocess.run(command, check=True, env={**os.environ}, stdout=log, stderr=log)


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=20, help="five requests a second each (default 20)")
    parser.add_argument("--seconds", type=int, default=30, help="how long (default 30)")
    parser.add_argument("--host", default="", help="another deployment; REALTIME_KEY is its key")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
