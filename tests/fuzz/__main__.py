"""`make fuzz`: schemathesis with each scope's key against a local stack, then parsers, then long properties.

Example: make fuzz ARGS="--minutes 5 --seed 7"
"""

import argparse
import importlib.util
import os
import re
import secrets
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from chalicelib.domain.keys import SCOPES
from tests.fuzz.api import run_schemathesis
from tests.fuzz.parsers import PARSERS, SAMPLES
from tests.support.paths import ROOT
from tests.support.up import READY, RunningStack, run_command, start_up

PROPERTIES = (
    "tests/unit/realtime/safe_reading",
    "tests/unit/domain/targeting/test_properties.py",
    "tests/unit/api/test_event_json.py",
    "tests/unit/domain/stream/test_event.py",
)
FAILED_INPUTS = ROOT / "build" / "fuzz"
"""Repeat one: python -m tests.fuzz.guided PARSER FILE."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long it may take in all")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 31), help="repeats a run")
    options = parser.parse_args()
    again = f"--minutes {options.minutes:g} --seed {options.seed}"
    print(f"Seed {options.seed}: make fuzz ARGS='{again}'", flush=True)
    seconds = options.minutes * 60
    with start_up("--no-postgres") as stack:
        stack.wait_for_output(READY, 300)
        has_failed = fuzz_api(stack, options.seed, seconds * 0.6)
    has_failed |= fuzz_parsers(options.seed, seconds * 0.2)
    has_failed |= fuzz_properties(options.seed, seconds * 0.2)
    return int(has_failed)


def fuzz_api(stack: RunningStack, seed: int, seconds: float) -> bool:
    keys = {"all scopes": "rt_local_demo"} | {scope: create_key(stack, scope) for scope in SCOPES}
    has_failed = False
    for scope, key in keys.items():
        limit = max(10, int(seconds / len(keys)))
        answer = run_schemathesis(stack.url, key, seed, "--max-time", str(limit))
        verdict = "failed" if answer.returncode else "nothing found"
        print(f"schemathesis, key of {scope}: {verdict}", flush=True)
        if answer.returncode:
            has_failed = True
            print(answer.stdout)
    return has_failed


def create_key(stack: RunningStack, scope: str) -> str:
    done = run_command(stack.environ, "keys", "create", "--scopes", scope, "--label", f"fuzz {scope}")
    words = [word for word in done.stdout.split() if word.startswith("rt_")]
    if not words:
        sys.exit(f"no key of the scope {scope}: {done.stdout}{done.stderr}")
    return words[0]


def fuzz_parsers(seed: int, seconds: float) -> bool:
    """Each parser by itself, since atheris ends its process."""
    if importlib.util.find_spec("atheris") is None:
        print(
            "atheris: not installed for this Python and machine; no parser is fuzzed by coverage.", flush=True
        )
        return False
    FAILED_INPUTS.mkdir(parents=True, exist_ok=True)
    limit = max(2, int(seconds / len(PARSERS)))
    has_failed = False
    for name in PARSERS:
        command = [sys.executable, "-W", "ignore", "-m", "tests.fuzz.guided", name, f"-seed={seed}"]
        command += [f"-max_total_time={limit}", f"-artifact_prefix={FAILED_INPUTS}/{name}-"]
        with TemporaryDirectory() as inputs:
            Path(inputs, "sample").write_bytes(SAMPLES[name])
            command.append(inputs)
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        runs = re.search(r"Done (\d+) runs", done.stderr)
        verdict = "failed" if done.returncode else f"nothing found in {int(runs[1]) if runs else 0:,} runs"
        print(f"atheris, parser of {name}: {verdict}", flush=True)
        if done.returncode:
            has_failed = True
            print(*[line for line in done.stderr.splitlines() if not line.startswith("INFO")], sep="\n")
    return has_failed


def fuzz_properties(seed: int, seconds: float) -> bool:
    """Each property in its long profile, until the time is over."""
    environment = os.environ | {"HYPOTHESIS_PROFILE": "long"}
    command = [sys.executable, "-m", "pytest", "-q", "--no-cov", "-p", "no:randomly", "-x"]
    command += ["-m", "slow or not slow", f"--hypothesis-seed={seed}", "--timeout=0", *PROPERTIES]
    start = time.monotonic()
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        print(f"Hypothesis: nothing found in {time.monotonic() - start:.0f} s; the rest did not run.")
        return False
    print(f"Hypothesis: {'failed' if done.returncode else 'nothing found'}.")
    return bool(done.returncode)


if __name__ == "__main__":
    sys.exit(main())
