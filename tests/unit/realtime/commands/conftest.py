"""Sets of documents, published from files; commands, run as on a terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from realtime import cli
from realtime.cli import program
from tests.support.publisher import Publisher

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    folder = tmp_path / "definitions"
    folder.mkdir()
    return Publisher(folder)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Status, output and errors of a command, in a terminal of 60 columns."""
    monkeypatch.chdir(tmp_path)

    def run_command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["realtime", *arguments])
        monkeypatch.setattr(program, "console", Console(width=60))
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return run_command
