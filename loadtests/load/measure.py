"""One scenario, run by Locust against one URL: what the callers saw, and what the processes used."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from loadtests.load.processes import Usage, watch
from loadtests.load.requests_log import Request, Row, read_requests, summarize

FOLDER = Path("build") / "load"
LOCUSTFILE = Path(__file__).parents[1] / "locustfile.py"


@dataclass(frozen=True, slots=True)
class Run:
    """``behind`` is what the service used: "stub", "emulator" or "AWS". Times in seconds."""

    scenario: str
    behind: str
    start: float
    seconds: float
    requests: Sequence[Request]
    usage: Usage

    def summarize(self) -> list[Row]:
        return summarize(self.requests, self.seconds)

    @property
    def per_second(self) -> float:
        return len(self.requests) / self.seconds


def run_scenario(
    scenario: str,
    url: str,
    behind: str,
    *,
    users: int,
    seconds: float,
    processes: Mapping[str, int],
    warm_seconds: float | None = None,
) -> Run:
    """What was asked in the first seconds warms caches and connections, and does not count."""
    warm_seconds = min(5.0, seconds / 5) if warm_seconds is None else warm_seconds
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"{scenario}-{behind}.csv"
    watched = dict(processes)
    with watch(watched) as usage:
        _run_locust(scenario, url, log, users, warm_seconds + seconds, watched)
    requests = read_requests(log)
    if not requests:
        raise RuntimeError(f"no request was made; {log.with_suffix('.log')} says why")
    start = requests[0].at + warm_seconds
    run = Run(scenario, behind, start, seconds, [one for one in requests if one.at >= start], usage)
    return replace(run, seconds=max(1.0, requests[-1].at - start))


def _run_locust(
    scenario: str, url: str, log: Path, users: int, seconds: float, watched: dict[str, int]
) -> None:
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", url]
    command += ["--only-summary", "--loglevel", "WARNING", "--exit-code-on-error", "0", "--stop-timeout", "5"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(LOCUSTFILE.parents[1]),
        "REALTIME_LOAD_SCENARIO": scenario,
        "REALTIME_LOAD_USERS": str(users),
        "REALTIME_LOAD_SECONDS": str(seconds),
        "REALTIME_LOAD_LOG": str(log),
    }
    with log.with_suffix(".log").open("w") as output:
        locust = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        watched["Locust"] = locust.pid
        try:
            status = locust.wait(seconds + 60)
        finally:
            locust.kill()
            locust.wait()
    if status:
        raise RuntimeError(f"Locust has failed; {log.with_suffix('.log')} says why")


def wait_for(url: str, seconds: float = 10.0) -> None:
    """Until the URL's host answers /health; RuntimeError if it does not."""
    import urllib.error
    import urllib.request

    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()  # noqa: S310 - the user's own URL
        except urllib.error.URLError as error:
            if time.monotonic() > end:
                raise RuntimeError(f"{url} does not answer: {error.reason}") from None
        else:
            return
