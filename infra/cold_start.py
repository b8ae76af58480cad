"""Measure the cold start of the bundle: until the first answer, and how long the first decision takes."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.environments import FunctionName
from infra.release.probes import PROBES, matches

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody listens
    "REALTIME_ENV": "dev",
    "REALTIME_MAX_ATTEMPTS": "1",
}
HANDLERS: Mapping[FunctionName, str] = {
    "assignment": "assignment",
    "feature_flags": "feature_flags",
    "ingest": "app",
    "event_processor": "event_processor",
    "assignment_sync": "assignment_sync",
    "authorizer": "api_key",
    "webhooks": "webhooks",
    "admin": "admin",
}
"""Function → its name in app.py."""
FIRST_ANSWER = """
import json, sys, time
began = time.process_time()
sys.path[:0] = json.loads(sys.argv[1])
import app
name, event = json.loads(sys.argv[2])
answer = getattr(app, name)(event, None)
print(json.dumps({"ms": 1000 * (time.process_time() - began), "answer": answer}))
"""

FIRST_DECISION = """
import json, sys, time
sys.path[:0] = json.loads(sys.argv[1])
import app
from chalicelib import priming, wiring
from chalicelib.stores.rehearsal import rehearse
if sys.argv[2] == "primed":
    priming.prime(app.feature_flags)
began = time.perf_counter()
wiring.clients().dynamodb
client = time.perf_counter() - began
with rehearse(wiring.clients(), {wiring.settings().flags_table: [{"key": "f", "type": "boolean"}]}):
    began = time.perf_counter()
    answer = app.feature_flags({"user_id": "u1", "flag_key": "f"}, None)
    milliseconds = 1000 * (client + time.perf_counter() - began)
print(json.dumps({"ms": milliseconds, "answer": answer}))
"""


def measure_cold_start(
    bundle: Path, function: FunctionName = "ingest", rounds: int = 9
) -> tuple[float, float]:
    """CPU time in ms with byte-code and without it: the least of ``rounds`` fresh processes each, in turns.

    From a fresh interpreter to the first answer, which needs no AWS: so botocore, which Lambda's runtime
    brings, is not in it. The processes can import only the bundle, the standard library and that runtime.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled, plain = Path(folder) / "compiled", Path(folder) / "plain"
        unpack(bundle, compiled)
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        durations: dict[Path, list[float]] = {compiled: [], plain: []}
        for _ in range(rounds):
            for code, milliseconds in durations.items():
                milliseconds.append(_measure_first_answer(code, function))
        return min(durations[compiled]), min(durations[plain])


def measure_first_decision(bundle: Path, rounds: int = 5) -> tuple[float, float]:
    """Medians in milliseconds, primed and not, of the first decision after app.py is imported.

    DynamoDB has prepared answers, so the time of its calls is not in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        unpack(bundle, code)
        durations: dict[str, list[float]] = {"primed": [], "not primed": []}
        for _ in range(rounds):
            for state, milliseconds in durations.items():
                milliseconds.append(_measure(code, FIRST_DECISION, state, {"value": True}))
        return statistics.median(durations["primed"]), statistics.median(durations["not primed"])


def unpack(bundle: Path, folder: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)


def link_runtime_packages(folder: Path) -> Path:
    """Fill ``folder`` with links to the packages that Lambda's runtime has, and return it."""
    installed = Path(sysconfig.get_paths()["purelib"])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3"):
        (folder / name).symlink_to(installed / name)
    return folder


def _measure_first_answer(code: Path, function: FunctionName) -> float:
    probe = PROBES[function][0]
    return _measure(code, FIRST_ANSWER, json.dumps([HANDLERS[function], probe.event]), probe.expect)


def _measure(code: Path, script: str, argument: str, expect: dict[str, Any]) -> float:
    """The milliseconds that ``script`` reports from a fresh process."""
    runtime_packages = link_runtime_packages(code.parent / f"{code.name}-runtime")
    paths = json.dumps([str(code), str(runtime_packages)])
    command = [sys.executable, "-I", "-S", "-B", "-c", script, paths, argument]
    environ = ENVIRON | {"PATH": os.environ["PATH"]}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    finally:
        shutil.rmtree(runtime_packages)
    report = json.loads(done.stdout.splitlines()[-1])
    if not matches(expect, report["answer"]):
        raise RuntimeError(f"the bundle's first answer is {report['answer']}")
    return float(report["ms"])
