"""What is installed, what ships, and who is told when it must change."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from infra import audit, licences
from infra.bundle import HOST_TARGET, build_bundle, get_wheels
from infra.packages import LOCKS, Package, read_installed, read_wheels
from infra.sbom import write_sbom
from tests.support.paths import ROOT

SOURCES = {
    "bundle": "requirements.txt",
    "run": "realtime/requirements.txt",
    "postgres": "realtime/requirements-postgres.txt",
    "build": "locks/build.in",
    "dev": "requirements-dev.txt",
    "emulator": "realtime/local/requirements.txt",
    "node": "tests/e2e/node/requirements.txt",
    "fuzz": "tests/fuzz/requirements.txt",
    "tools": "requirements-tools.txt",
    "docs": "infra/docs_site/requirements.txt",
}
"""Each lock file, and what it locks."""
PIN = re.compile(r"^([\w.-]+)(?:\[[\w,]+\])?==([\w.]+)", re.MULTILINE)


def read_pins(path: Path) -> set[tuple[str, str]]:
    """Also of the files that it names."""
    text = path.read_text()
    pins = {(re.sub(r"[-_.]+", "-", name.lower()), version) for name, version in PIN.findall(text)}
    for other in re.findall(r"^-r (\S+)", text, re.MULTILINE):
        pins |= read_pins(path.parent / other)
    return pins


def test_every_file_of_requirements_has_a_lock() -> None:
    files = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("requirements*.txt")
        if not any(
            part.startswith(".") or part in {"node_modules", "build"} for part in path.relative_to(ROOT).parts
        )
    }
    included = {"infra/requirements.txt", "realtime/analysis/requirements.txt"}  # others name them
    peers = {"loadtests/peers/requirements.txt"}  # ADR 036
    assert files - included - peers == {source for source in SOURCES.values() if not source.endswith(".in")}
    assert {path.stem for path in LOCKS.glob("*.txt")} == SOURCES.keys()


@pytest.mark.parametrize(("lock", "source"), SOURCES.items())
def test_a_lock_has_every_pin_and_a_hash_for_each(lock: str, source: str) -> None:
    """Otherwise run `make lock`."""
    path = LOCKS / f"{lock}.txt"
    assert read_pins(ROOT / source) - read_pins(path) == set()
    blocks = re.split(r"\n(?=[\w.-]+==)", path.read_text())[1:]
    assert len(blocks) == len(PIN.findall(path.read_text()))
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


def test_locks_that_share_an_environment_agree_with_each_other_and_with_the_constraints() -> None:
    versions: dict[str, set[str]] = {}
    for path in (
        ROOT / "constraints.txt",
        *(LOCKS / f"{name}.txt" for name in ("bundle", "run", "build", "dev", "node")),
    ):
        for name, version in read_pins(path):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_bundle_locks_only_what_ships() -> None:
    assert read_pins(LOCKS / "bundle.txt") == read_pins(ROOT / "requirements.txt")


def test_the_makefile_installs_nothing_without_a_hash() -> None:
    text = (ROOT / "Makefile").read_text()
    installs = [
        line for line in text.splitlines() if re.search(r"\bpip install\b|\$\(PIP\)|\$\(INSTALL\)", line)
    ]
    assert len(installs) >= 9
    for line in installs:
        if line.startswith(("INSTALL :=", "PIP :=")) or ".venv-peers" in line:
            continue
        assert re.search(r"\$\((?:PIP|INSTALL)\).* -r (?:locks/\w+\.txt|\$<)", line), line
    assert "--require-hashes" in text.partition("INSTALL := ")[2].partition("\n")[0]


def test_licences_are_allowed_and_listed() -> None:
    """Otherwise run `make licences`."""
    packages = [*read_wheels(get_wheels(HOST_TARGET)), *read_installed("run.txt")]
    assert len(packages) > 40
    assert licences.find_forbidden(packages) == []
    assert licences.PAGE.read_text() == licences.write_page()


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-only", "MIT AND LGPL-2.1", "", "LGPLv3", "MIT AND (AGPL-3.0 OR GPL-2.0)"]
)
def test_a_licence_that_is_not_allowed_is_found(licence: str) -> None:
    packages = [Package("a", "1", licence), Package("b", "1", "MPL-2.0 AND (GPL-3.0 OR MIT)")]
    assert licences.find_forbidden(packages) == [f"a: {licence}"]


def test_the_sbom_is_valid_and_names_all_that_ships() -> None:
    bundle = build_bundle(HOST_TARGET)
    path = write_sbom(bundle, HOST_TARGET)
    text = path.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document: dict[str, Any] = json.loads(text)
    names = {(component["name"], component["version"]) for component in document["components"]}
    assert read_pins(ROOT / "requirements.txt") == {pin for pin in names if pin[0] != "chalice"}
    assert len(names) == len(read_pins(ROOT / "requirements.txt")) + 1
    assert all(component["licenses"] for component in document["components"])
    assert write_sbom(bundle, HOST_TARGET).read_text() == text


def test_updates_are_looked_for_wherever_something_is_pinned() -> None:
    document = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    assert document.keys() == {"version", "updates"}
    assert document["version"] == 2
    folders = {}
    known = {"package-ecosystem", "directories", "schedule", "open-pull-requests-limit", "groups"}
    for update in document["updates"]:
        assert update.keys() <= known
        assert update["schedule"] == {"interval": "weekly"}
        folders[update["package-ecosystem"]] = set(update["directories"])
    pinned = {
        find_folder(path)
        for source in SOURCES.values()
        if source.endswith(".txt")
        for path in [ROOT / source]
    }
    assert folders["pip"] == {*pinned, "/.github", "/infra", "/loadtests/peers", "/realtime/analysis"}
    packages = [
        path
        for path in ROOT.glob("*/**/package.json")
        if not {"node_modules", "build", "site-packages"} & {*path.parts}
    ]
    assert folders["npm"] == {find_folder(path) for path in packages}
    assert folders["github-actions"] == {"/", "/.github/actions/*"}


def find_folder(path: Path) -> str:
    return f"/{path.parent.relative_to(ROOT)}".rstrip(".") if path.parent != ROOT else "/"


FAKE = """#!{python}
import json, sys
text = open(sys.argv[-1]).read()
if {is_offline}:
    sys.exit("ConnectionError")
print(json.dumps({{"dependencies": [
    {{"name": "jinja2", "version": "2.4.1", "vulns": [{{"id": "CVE-1", "fix_versions": ["2.11.3"]}}]}}
] if {is_found} else []}}))
"""


@pytest.mark.parametrize(
    ("is_offline", "is_found", "status", "line"),
    [
        ("True", "True", 0, "audit: skipped, as PyPI's advisories cannot be reached from here."),
        ("False", "False", 0, "audit: skipped, as PyPI's advisories cannot be reached from here."),
        ("False", "'jinja2==2.4' in text", 0, "audit: 0 known vulnerabilities."),
        ("False", "True", 1, f"audit: {len(SOURCES)} known vulnerabilities."),
        ("'jinja2==2.4' not in text", "True", 2, "audit: no answer about build.txt; try again."),
    ],
)
def test_an_audit_without_answers_is_never_taken_for_a_good_one(
    is_offline: str, is_found: str, status: int, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "pip-audit"
    program.write_text(FAKE.format(python=sys.executable, is_offline=is_offline, is_found=is_found))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert audit.main((str(program),)) == status
    assert capsys.readouterr().out.splitlines()[-1] == line


BASELINE = ROOT / ".secrets.baseline"


def run_secrets_hook(*files: str, baseline: Path = BASELINE) -> int:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    (hook,) = [hook for hook in config["repos"][0]["hooks"] if hook["id"] == "secrets"]
    command = (
        hook["entry"]
        .replace(".secrets.baseline", str(baseline))
        .replace(".venv/bin", str(Path(sys.executable).parent))
    )
    return subprocess.run([*command.split(), *files], cwd=ROOT, capture_output=True, check=False).returncode


@pytest.mark.parametrize(
    ("content", "status"),
    [
        ("KEY = 'rt_local_demo'", 0),
        (f"url = 'https://example.com/events?key=rt_{'aB3-' * 10}'", 1),
        (f"aws_access_key_id = 'AKIA{'QWERTYUIOPASDFGH'}'", 1),
    ],
)
def test_a_key_is_found_before_it_is_committed(content: str, status: int, tmp_path: Path) -> None:
    file = tmp_path / "settings.py"
    file.write_text(content)
    assert run_secrets_hook(str(file)) == status


def test_the_list_of_known_findings_names_no_path_of_one_machine() -> None:
    assert "file:///" not in BASELINE.read_text()
