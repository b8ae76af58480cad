"""How long a container of the bundle takes from a fresh interpreter to its first answer."""

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


def measure(bundle: Path, rounds: int = 9) -> tuple[float, float]:
    """Medians in milliseconds, with byte-code and without, of as many fresh processes each, in turns.

    Nothing but the bundle is importable beside the standard library and the botocore that Lambda brings.
    """
    with tempfile.TemporaryDirectory() as folder:
        compiled, plain = Path(folder) / "compiled", Path(folder) / "plain"
        unpack(bundle, compiled)
        shutil.copytree(compiled, plain, ignore=shutil.ignore_patterns("__pycache__"))
        found: dict[Path, list[float]] = {compiled: [], plain: []}
        for _ in range(rounds):
            for code, times in found.items():
                times.append(_start(code))
        return statistics.median(found[compiled]), statistics.median(found[plain])


def unpack(bundle: Path, folder: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)


def lambdas_own(folder: Path) -> Path:
    """A folder with the packages that Lambda's runtime brings, and no others of this environment."""
    installed = Path(sysconfig.get_paths()["purelib"])
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3"):
        (folder / name).symlink_to(installed / name)
    return folder


def _start(code: Path) -> float:
    from infra.probes import gateway

    own = lambdas_own(code.parent / f"{code.name}-runtime")
    event = json.dumps(gateway("GET", "/health"))
    command = [sys.executable, "-I", "-S", "-B", "-c", FIRST_ANSWER, json.dumps([str(code), str(own)]), event]
    environ = {"AWS_DEFAULT_REGION": "us-east-1", "REALTIME_ENV": "dev", "PATH": os.environ["PATH"]}
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    finally:
        shutil.rmtree(own)
    answer = json.loads(done.stdout.splitlines()[-1])
    if answer["status"] != 200:
        raise RuntimeError(f"the bundle's first answer is {answer}")
    return float(answer["ms"])
