"""A user's mistake on the command line is one line that says what to do, and never a traceback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.text import Text

from chalicelib.domain.errors import StorageUnavailable
from realtime import cli
from realtime.cli import main, program


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
        assert f"Example: [b]python -m {name}" in text or name == "realtime"
        assert "Example: [b]python -m realtime" in text


def test_every_help_of_an_option_can_be_shown() -> None:
    """Square brackets are markup: ``[/PREFIX]`` would be the end of something."""

    def list_options(command: Any) -> Iterator[str]:
        yield from (option.help or "" for option in command.params if hasattr(option, "help"))
        for subcommand in getattr(command, "commands", {}).values():
            yield from list_options(subcommand)

    helps = list(list_options(typer.main.get_command(cli.app)))
    assert len(helps) > 100
    for text in helps:
        Text.from_markup(text)
