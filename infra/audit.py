"""`make audit`: the known vulnerabilities of every package in the lock files, by pip-audit."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from infra.packages import LOCKS

PIP_AUDIT = (".venv-tools/bin/pip-audit",)
VULNERABLE = "jinja2==2.4.1"
"""Has been known to be vulnerable for years. If nothing is found here, nobody answered."""

MAX_WAIT = 300
"""Seconds for the answers about one lock file."""


def main(command: tuple[str, ...] = PIP_AUDIT) -> int:
    if not find_vulnerabilities(command, VULNERABLE):
        print("audit: skipped, as PyPI's advisories cannot be reached from here.")
        return 0
    found = set()
    for lock in sorted(LOCKS.glob("*.txt")):
        vulnerabilities = find_vulnerabilities(command, lock.read_text())
        if vulnerabilities is None:
            print(f"audit: no answer about {lock.name}; try again.")
            return 2
        found |= {f"{lock.name}: {name}: {vulnerability}" for name, vulnerability in vulnerabilities}
    print(*sorted(found), sep="\n", end="\n" if found else "")
    print(f"audit: {len(found)} known vulnerabilities.")
    return int(bool(found))


def find_vulnerabilities(command: tuple[str, ...], requirements: str) -> list[tuple[str, str]] | None:
    """Of pinned requirements: the name, and the advisory with what mends it. None if nobody answers."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text(requirements)
        options = ["--disable-pip", "--no-deps", "--progress-spinner=off", "--format=json"]
        try:
            done = subprocess.run(  # noqa: S603  # our own command
                [*command, *options, "-r", str(file)],
                capture_output=True,
                text=True,
                check=False,
                timeout=MAX_WAIT,
            )
            answer: dict[str, Any] = json.loads(done.stdout)
        except (subprocess.TimeoutExpired, ValueError):
            return None
    return [
        (f"{package['name']} {package['version']}", _describe(vulnerability))
        for package in answer["dependencies"]
        for vulnerability in package.get("vulns", ())
    ]


def _describe(vulnerability: dict[str, Any]) -> str:
    mended = ", ".join(vulnerability["fix_versions"])
    return f"{vulnerability['id']}, " + (f"mended in {mended}" if mended else "not mended yet")


if __name__ == "__main__":
    sys.exit(main())
