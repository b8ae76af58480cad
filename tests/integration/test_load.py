"""`make load` and `make soak`, for a few seconds each, as they are started."""

import json
import subprocess
import sys
from pathlib import Path


def run(module: str, arguments: str, report: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", module, *arguments.split(), "--report", str(report)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_a_short_load_measures_the_service_apart_and_writes_its_report(tmp_path: Path) -> None:
    """Limits of time are not judged: the machine may be busy. `make load` judges them."""
    report = tmp_path / "report.html"
    arguments = "--scenario steady --behind stub --seconds 5 --users 4"
    ended = run("loadtests.run", arguments, report)
    assert report.exists(), ended.stdout + ended.stderr
    (measured,) = json.loads(report.with_suffix(".json").read_text())
    assert (measured["scenario"], measured["behind"]) == ("steady", "stub")
    assert {row["name"] for row in measured["rows"]} <= {"assign", "flag", "all flags", "10 events"}
    assert sum(row["requests"] for row in measured["rows"]) > 10
    assert sum(row["failures"] for row in measured["rows"]) == 0
    page = report.read_text()
    assert all(name in page for name in ("worker 1", "worker 2", "stub", "Locust"))


def test_a_short_soak_ends_with_a_verdict(tmp_path: Path) -> None:
    report = tmp_path / "soak.html"
    ended = run("loadtests.soak", "--seconds 4 --turns 2 --users 4", report)
    assert report.exists(), ended.stdout + ended.stderr
    assert ("Nothing grows." in ended.stdout) is (ended.returncode == 0)
    page = report.read_text()
    assert all(name in page for name in ("worker 1", "emulator", "pumps", "Faults were on"))


def test_what_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    ended = run("loadtests.run", "--host http://127.0.0.1:9 --wait 0", tmp_path / "report.html")
    assert ended.returncode == 1
    assert ended.stderr.startswith("http://127.0.0.1:9 does not answer: ")
    assert "Traceback" not in ended.stderr
