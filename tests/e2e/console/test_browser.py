"""Which browser the tests take; without one they fail, and say what to type."""

from pathlib import Path

import pytest

from tests.support.console.browser import VARIABLE, find_browser


def make_program(folder: Path, name: str) -> str:
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program)


def test_the_named_browser_comes_first_and_then_the_smallest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    chrome = make_program(tmp_path, "google-chrome")
    assert find_browser() == chrome
    small = make_program(tmp_path, "chromium-headless-shell")
    assert find_browser() == small
    monkeypatch.setenv(VARIABLE, chrome)
    assert find_browser() == chrome


def test_without_a_browser_the_command_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(LookupError, match="Type: apt-get install -y --no-install-recommends chromium"):
        find_browser()
    monkeypatch.setenv(VARIABLE, "none")
    with pytest.raises(LookupError, match=f"{VARIABLE}=none is no program"):
        find_browser()
