"""A user's mistake on the command line is one line that says what to do, and never a traceback."""

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from chalicelib.domain.errors import StorageUnavailable
from realtime import cli
from realtime.cli import main, program
from realtime.cli.groups import SECTIONS
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("arguments", "message", "status"),
    [
        (["validate"], "Missing argument 'paths'. Try: python -m realtime validate --help", 2),
        (["keys", "create", "--scopes", "a"], "Missing option '--label'. Try: python -m realtime keys", 2),
        (["publish", "--rollback", "x"], "Invalid value for '--rollback': ", 2),
        (["nope"], "No such command 'nope'. Try: python -m realtime --help", 2),
        (["flags", "--stael"], "No such option: --stael", 2),
        (["publish"], "name either files to publish or --rollback VERSION", 1),
        (["history", "--flag", "f", "--segment", "s"], "name --flag KEY, --experiment KEY or", 1),
        (["forget"], "name either --user ID or --user-file FILE", 1),
        (["forget", "--user", "u", "--dry-run", "--verify"], "name either --dry-run or --verify", 1),
        (["forget", "--user", "u", "--drop", "metadata"], "--drop belongs to --pseudonymise", 1),
        (["forget", "--user", "u", "--mentions", "no"], "--mentions must be own, auto, all", 1),
        (["forget", "--user", "u", "--pseudonymise", "--drop", "user_id"], "--drop: every query needs", 1),
        (["export-user", "--user", "u"], "name either --out FILE.zip or --dry-run", 1),
        (["explain", "--user", "u"], "name either --experiment KEY or --flag KEY", 1),
        (["explain", "--user", "u", "--flag", "f", "--context", "[1]"], "--context must be a JSON object", 1),
        (["replay", "nowhere.csv"], "nowhere.csv: No such file or directory", 1),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str],
    message: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["realtime", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"realtime: {message}")
    assert err.count("\n") == 1


def test_a_store_that_cannot_be_asked_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise StorageUnavailable

    monkeypatch.setattr(program, "plane", fail)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("sys.argv", ["realtime", "flags"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 1
    message = "realtime: The store cannot be reached; try again. (Asked: http://127.0.0.1:1.)\n"
    assert capsys.readouterr().err == message


def test_without_a_command_the_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["realtime"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert "Usage" in out + err
    assert "realtime: " not in err


def test_what_succeeds_exits_with_0_and_what_is_refused_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "f.yaml"
    for text, status in (("flags: [{key: f, type: boolean}]", 0), ("flags: [1]", 1)):
        file.write_text(text)
        monkeypatch.setattr("sys.argv", ["realtime", "validate", str(file)])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert (exit_.value.code or 0) == status
    assert "1 error" in capsys.readouterr().out


def test_every_help_has_an_example() -> None:
    def list_helps(name: str, command: Any) -> Iterator[tuple[str, str]]:
        yield name, command.help
        for inner, subcommand in getattr(command, "commands", {}).items():
            yield from list_helps(f"{name} {inner}", subcommand)

    for name, text in list_helps("realtime", typer.main.get_command(cli.app)):
        assert f"Example: python -m {name}" in text or name == "realtime"
        assert "Example: python -m realtime" in text


def test_the_help_has_each_command_of_each_module_once() -> None:
    """The table says where a command is, so that no other module is loaded."""
    tables = {place for commands in SECTIONS.values() for place in commands.values()}
    for place in tables:
        module, _, name = place.partition(".")
        group = typer.main.get_group(getattr(importlib.import_module(f"realtime.cli.{module}"), name))
        named = {name for commands in SECTIONS.values() for name, each in commands.items() if each == place}
        assert named == set(group.commands) or len(named) == 1
    modules = {path.stem for path in (ROOT / "realtime" / "cli").glob("*.py")}
    others = {"__init__", "failures", "groups", "program"}
    assert {place.partition(".")[0] for place in tables} == modules - others


HEAVY = (
    "boto3",
    "botocore",
    "chalice",
    "duckdb",
    "pydantic",
    "rich",
    "yaml",
    "chalicelib.domain.definitions",
)


def load(*arguments: str) -> set[str]:
    """The modules that the program has loaded when it ends."""
    program = (
        "import atexit, runpy, sys\n"
        "sys.argv[0] = 'realtime'\n"
        "atexit.register(lambda: print('\\n' + ' '.join(sys.modules)))\n"
        "runpy.run_module('realtime', run_name='__main__')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    return set(ended.stdout.splitlines()[-1].split())


def test_what_asks_nobody_loads_little() -> None:
    assert not load("--version") & {"typer", *HEAVY}
    assert not load("--help") & {*HEAVY}
    # typer reads arguments by pydantic
    for arguments in (["publish", "--help"], ["keys"], ["completion", "bash"], ["nothing"]):
        assert not load(*arguments) & ({*HEAVY} - {"pydantic"}), arguments
    assert {name for name in load("kill", "--help") if name.startswith("realtime.cli.")} == {
        "realtime.cli.groups",
        "realtime.cli.program",
        "realtime.cli.publishing",
    }


def test_validate_loads_no_aws_and_no_management_api() -> None:
    loaded = load("validate", "examples/from-unleash.yaml")
    assert "chalicelib.domain.definitions.compiler" in loaded
    assert not loaded & {"boto3", "botocore", "chalice", "duckdb", "chalicelib.admin.rendering"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["pub"], ["publish"]),
        (["keys", ""], ["create", "list", "revoke"]),
        (["publish", "--str"], ["--strict"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["quarantine", "batches", "re"], ["redrive"]),
    ],
)
def test_a_shell_is_told_what_may_follow(words: list[str], expected: list[str]) -> None:
    asked = {"_REALTIME_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(["realtime", *words])}
    ended = subprocess.run(
        [sys.executable, "-m", "realtime"],
        env={**os.environ, **asked, "COMP_CWORD": str(len(words))},
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ended.stdout.split() == expected, ended.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_names_the_program_and_its_question(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["realtime", "completion", shell])
    with pytest.raises(SystemExit) as exit_:
        main()
    script = capsys.readouterr().out
    assert (exit_.value.code or 0) == 0
    assert f"_REALTIME_COMPLETE=complete_{shell}" in script
    assert " realtime" in script
