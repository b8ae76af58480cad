"""The commands of docs/migration.md run as they stand there, on a document of each system."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from realtime import cli
from realtime.cli import program
from realtime.migration.vendors import VENDORS
from tests.support.paths import ROOT

CASES = ROOT / "tests" / "conformance" / "imports"
PAGE = (ROOT / "docs" / "migration.md").read_text()
COMMANDS = re.findall(r"^python -m realtime (.+)$", PAGE, re.MULTILINE)
IMPORTS = [command.split() for command in COMMANDS if command.startswith("import ")]
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Within a folder that has what the page has exported."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["realtime", *arguments])
        monkeypatch.setattr(program, "console", Console(width=60, quiet=True))
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        return int(exit_.value.code or 0)

    return run_command


def test_each_system_has_its_export_and_its_import() -> None:
    assert {command[1] for command in IMPORTS} == {
        vendor.name for vendor in VENDORS.values() if vendor.has_known_hash
    }
    for _, _, file, *_ in IMPORTS:
        assert re.search(rf"(> |\.json ){re.escape(file)}$", PAGE, re.MULTILINE), file


@pytest.mark.parametrize("command", IMPORTS, ids=" ".join)
def test_the_import_of_each_system_is_valid(command: list[str], run: Run) -> None:
    _, vendor, file, *_ = command
    shutil.copy(CASES / "definitions" / f"{vendor}.json", file)
    assert run(*command) == 0
    assert run("validate", "flags.yaml") == 0


def test_the_steps_follow_one_another(run: Run) -> None:
    """Without those that need a stack: `publish`, and `compare` with what is published."""
    shutil.copy(CASES / "definitions" / "unleash.json", "toggles.json")
    shutil.copytree(CASES / "definitions", "definitions")
    shutil.copy(CASES / "unleash.jsonl", "cases.jsonl")
    Path("users.csv").write_text("user,country\nu-1,DE\nu-2,\n")
    commands = [command.split() for command in COMMANDS]
    steps = [command for command in commands if command[0] in ("validate", "compare", "check-import")]
    assert run(*IMPORTS[0]) == 0
    alone = [step for step in steps if step[0] != "compare" or "--definitions" in step]
    assert len(alone) > 3
    assert [run(*step) for step in alone] == [0] * len(alone)
