"""The guides do what they show: each command is run against a running stack, in order, in a terminal."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.poll import wait_until
from tests.support.up import READY, RunningStack, start_up

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
GUIDES = ("first-flag", "first-experiment", "ship-the-winner")
WIDTH = 100
BASH = shutil.which("bash") or "bash"
URL = "http://127.0.0.1:8000"
READING = ("curl", "python -m realtime results", "python -m realtime analyze")
"""Commands that change nothing: they are asked until what was published is in force, and all is counted."""


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with start_up("--no-demo", "--no-postgres") as running:
        running.wait_for_output(READY, 60)
        yield running


def read_blocks(guide: str) -> list[tuple[str, str]]:
    text = (ROOT / "docs" / f"{guide}.md").read_text()
    return re.findall(r"^```(yaml|python|console)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def read_session(block: str) -> list[tuple[str, str]]:
    """Each command with the output that the page shows after it."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def run(stack: RunningStack, folder: Path, command: str) -> str:
    own = re.sub(r"^python ", f"{sys.executable} ", command.replace(URL, stack.url))
    environment = stack.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": str(WIDTH)}
    ended = subprocess.run(
        [BASH, "-c", own], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return "".join(f"{line.rstrip()}\n" for line in ended.stdout.splitlines())


VOLATILE = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+Z)?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Times and ids."""


def agrees(output: str, shown: str) -> bool:
    """An ellipsis stands for what else differs each time."""
    pattern = ".*?".join(map(re.escape, VOLATILE.sub("…", shown).split("…")))
    return re.fullmatch(pattern, output, re.DOTALL) is not None


def test_each_command_prints_what_the_guide_shows(stack: RunningStack, tmp_path: Path) -> None:
    for block in [block for guide in GUIDES for block in read_blocks(guide)]:
        follow(stack, tmp_path, *block)


def follow(stack: RunningStack, folder: Path, tag: str, block: str) -> None:
    if tag != "console":
        name = re.match(r"# (\S+)\n", block)
        assert name, block
        (folder / name[1]).write_text(block.replace(URL, stack.url))
        return
    for command, shown in read_session(block):
        output = wait_for(stack, folder, command, shown) if command.startswith(READING) else ""
        output = output or run(stack, folder, command)
        assert agrees(output, shown), f"$ {command}\n{output}"


def wait_for(stack: RunningStack, folder: Path, command: str, shown: str) -> str:
    """The output that agrees with what is shown, or the empty text after 30 seconds without one."""

    def find() -> str:
        output = run(stack, folder, command)
        return output if agrees(output, shown) else ""

    try:
        return wait_until(find, 30, interval=0.5)  # each asks anew
    except AssertionError:
        return ""
