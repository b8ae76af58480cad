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
from pathlib import Path

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # nobody listens
    "REALTIME_ENV": "dev",
    "REALTIME_MAX_ATTEMPTS": "1",
}
FIRST_ANSWER = """
import json, sys, time
began = time.perf_counter()
sys.path[:0] = json.loads(sys.argv[1])
import app
event = json.loads(sys.argv[2])
status = app.app(event, None)["statusCode"]
print(json.dumps({"ms": 1000 * (time.perf_counter() - began), "status": status}))
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
print(json.dumps({"ms": milliseconds, "status": 200 if answer.get("value") is True else answer}))
"""


def measure_cold_start(bundle: Path, rounds: int = 9) -> tuple[float, float]:
    """Medians in milliseconds with byte-code and without it, of ``rounds`` fresh processes each, in turns.

    The processes can import only the bundle, the standard library and the packages of Lambda's runtime.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled, plain = Path(folder) / "compiled", Path(folder) / "plain"
        unpack(bundle, compiled)
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        durations: dict[Path, list[float]] = {compiled: [], plain: []}
        for _ in range(rounds):
            for code, milliseconds in durations.items():
                milliseconds.append(_measure_first_answer(code))
        return statistics.median(durations[compiled]), statistics.median(durations[plain])


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
                milliseconds.append(_measure(code, FIRST_DECISION, state))
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


def _measure_first_answer(code: Path) -> float:
    from infra.release.probes import build_gateway_event

    return _measure(code, FIRST_ANSWER, json.dumps(build_gateway_event("GET", "/health")))


def _measure(code: Path, script: str, argument: str) -> float:
    """The milliseconds that ``script`` reports from a fresh process."""
    runtime_packages = link_runtime_packages(code.parent / f"{code.name}-runtime")
    paths = json.dumps([str(code), str(runtime_packages)])
    command = [sys.executable, "-I", "-S", "-B", "-c", script, paths, argument]
    environ = ENVIRON | {"PATH": os.environ["PATH"]}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    finally:
        shutil.rmtree(runtime_packages)
    answer = json.loads(done.stdout.splitlines()[-1])
    if answer["status"] != 200:
        raise RuntimeError(f"the bundle's first answer is {answer}")
    return float(answer["ms"])
