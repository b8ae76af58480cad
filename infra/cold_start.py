"""Measure the cold start of the bundle: from a fresh interpreter to the first answer."""

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

FIRST_ANSWER = """
import json, sys, time
began = time.perf_counter()
sys.path[:0] = json.loads(sys.argv[1])
import app
event = json.loads(sys.argv[2])
status = app.app(event, None)["statusCode"]
print(json.dumps({"ms": 1000 * (time.perf_counter() - began), "status": status}))
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

    runtime_packages = link_runtime_packages(code.parent / f"{code.name}-runtime")
    event = json.dumps(build_gateway_event("GET", "/health"))
    command = [
        sys.executable,
        "-I",
        "-S",
        "-B",
        "-c",
        FIRST_ANSWER,
        json.dumps([str(code), str(runtime_packages)]),
        event,
    ]
    environ = {"AWS_DEFAULT_REGION": "us-east-1", "REALTIME_ENV": "dev", "PATH": os.environ["PATH"]}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    finally:
        shutil.rmtree(runtime_packages)
    answer = json.loads(done.stdout.splitlines()[-1])
    if answer["status"] != 200:
        raise RuntimeError(f"the bundle's first answer is {answer}")
    return float(answer["ms"])
