"""`make soak`: mixed load for ten minutes, with faults between the service and AWS on and off by turns.

It fails if memory, descriptors, threads or latency grow, and says whose; or if requests fail without faults.
Latency is compared where no faults are on. Every second it also calls the emulator directly, so that it can
say whether the service became slower or what is behind it.

    make soak ARGS="--seconds 60"
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from chalicelib.settings import Settings
from loadtests.load.bare_calls import time_calls
from loadtests.load.cluster import ENDPOINT, find_emulator, run_workers
from loadtests.load.drift import Drift, describe_p50, find_drifts, find_slower
from loadtests.load.faults import FaultTimes, take_turns
from loadtests.load.measure import FOLDER, Run, run_scenario
from loadtests.load.report import write_report
from loadtests.load.requests_log import MAX_ERROR_RATE, Request
from loadtests.run import publish_demo
from realtime.local.stack import LocalStack
from tests.support.proxy import FaultProxy

DRAIN_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse_options(arguments)
    console = Console()
    try:
        run, turns, bare = _soak(console, options)
    except (RuntimeError, OSError) as error:  # LocalError too
        print(error, file=sys.stderr)
        return 1
    quiet = [request for request in run.requests if turns.is_quiet(request.at)]
    failures = judge(console, run, quiet, bare)
    report = Path(options.report)
    write_report(report, [run], {}, [*failures, f"Faults were on {len(turns.times)} times."])
    console.print(f"Report: {report}", soft_wrap=True)
    return int(bool(failures))


def judge(console: Console, run: Run, quiet: Sequence[Request], bare: Sequence[Request]) -> list[str]:
    """Print what was found; the value is what makes the soak fail."""
    end = run.start + run.seconds
    slower, bare_slower = find_slower(quiet, run.start, end), find_slower(bare, run.start, end)
    drifts = find_drifts(run.usage, run.start, end)
    failed = sum(request.has_failed for request in quiet)
    console.print(
        f"{len(run.requests)} requests, {len(quiet)} of them without faults; {failed} of these failed."
    )
    for name in sorted({request.name for request in quiet}):
        first, last = describe_p50([one for one in quiet if one.name == name], run.start, end)
        console.print(f"P50 of {name}: {first:.0f} ms in the second quarter, {last:.0f} in the last.")
    for drift in (one for one in drifts if one.is_expected):
        console.print(f"{drift}.")
    failures = [str(drift) for drift in drifts if not drift.is_expected]
    failures += [f"{drift}: {_blame(bare_slower)}" for drift in slower]
    if failed > MAX_ERROR_RATE * len(quiet):
        failures.append(f"{failed} of {len(quiet)} requests failed without faults")
    for failure in failures:
        console.print(f"[red]{failure}[/red]")
    console.print("Failed." if failures else "Nothing grows.")
    return failures


def _blame(bare_slower: Sequence[Drift]) -> str:
    if not bare_slower:
        return "calls that go to the emulator directly are as fast as before, so it is the service"
    return f"the emulator, as without the service: {'; '.join(map(str, bare_slower))}"


def _soak(console: Console, options: argparse.Namespace) -> tuple[Run, FaultTimes, list[Request]]:
    settings = Settings.from_env({})
    with LocalStack(settings) as stack, ExitStack() as running:
        publish_demo(console)
        import app as service

        stack.pump({"event_processor": service.event_processor, "assignment_sync": service.assignment_sync})
        port = urlsplit(stack.environment[ENDPOINT]).port or 0
        proxy = running.enter_context(FaultProxy(port))
        environment = {**stack.environment, ENDPOINT: f"http://127.0.0.1:{proxy.port}"}
        url, workers = running.enter_context(run_workers(environment, options.workers))
        processes = {**workers, "emulator": find_emulator(), "pumps": os.getpid()}
        turns = running.enter_context(take_turns(proxy, options.seconds / options.turns))
        bare = running.enter_context(time_calls(_make_bare_calls(stack, settings)))
        run = run_scenario(
            "soak", url, "emulator", users=options.users, seconds=options.seconds, processes=processes
        )
        running.close()
        stack.drain(DRAIN_SECONDS)
    return run, turns, bare


def _make_bare_calls(stack: LocalStack, settings: Settings) -> Mapping[str, Callable[[], object]]:
    kinesis, dynamodb = stack.clients.kinesis, stack.clients.dynamodb
    stream, key = settings.event_stream, {"id": {"S": "none"}}
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]

    def read_end() -> None:
        iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="LATEST")
        kinesis.get_records(ShardIterator=iterator["ShardIterator"])

    return {
        "GetRecords at the end": read_end,
        "GetItem": lambda: dynamodb.get_item(TableName=settings.keys_table, Key=key),
    }


def _parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600, help="how long (default 600)")
    parser.add_argument("--turns", type=int, default=20, help="of faults off and on (default 20 in all)")
    parser.add_argument("--users", type=int, default=8, help="ten requests a second each (default 8)")
    parser.add_argument("--workers", type=int, default=2, help="processes of the service (default 2)")
    parser.add_argument("--report", default=str(FOLDER / "soak.html"), help="where the report goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
