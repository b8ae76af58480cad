"""Every code block of the documentation says what it is, and can be read as that."""

import ast
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
TAGS = {"console", "js", "json", "mermaid", "python", "sh", "sql", "text", "yaml"}
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
Block = tuple[str, str, str]


def read_blocks() -> list[Block]:
    """Page, tag and text of each."""
    return [
        (str(page.relative_to(ROOT)), tag, text)
        for page in PAGES
        for _, tag, text in FENCE.findall(page.read_text())
    ]


BLOCKS = read_blocks()


def of(*tags: str) -> list[Block]:
    return [block for block in BLOCKS if block[1] in tags]


def test_every_block_has_a_tag() -> None:
    assert [block for block in BLOCKS if block[1] not in TAGS] == []
    fences = sum(len(re.findall(r"^ *```", page.read_text(), re.MULTILINE)) for page in PAGES)
    assert fences == 2 * len(BLOCKS) > 100


@pytest.mark.parametrize(("page", "tag", "text"), of("json"))
def test_json_is_json(page: str, tag: str, text: str) -> None:
    """One document, or one on each line. An ellipsis stands for what is left out."""
    whole = re.sub(r",?\s*…,?", "", text)
    try:
        json.loads(whole)
    except json.JSONDecodeError:
        for line in whole.splitlines():
            json.loads(line)


@pytest.mark.parametrize(("page", "tag", "text"), of("yaml"))
def test_yaml_is_yaml(page: str, tag: str, text: str) -> None:
    assert yaml.safe_load(text)


@pytest.mark.parametrize(("page", "tag", "text"), of("python"))
def test_python_is_python(page: str, tag: str, text: str) -> None:
    ast.parse(text)


def test_commands_can_be_read_by_a_shell(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    scripts = []
    for number, (_, tag, text) in enumerate(of("sh", "console")):
        lines = text.splitlines()
        commands = lines if tag == "sh" else [line[2:] for line in lines if line.startswith("$ ")]
        assert commands, text
        path = tmp_path / f"{number}.sh"
        path.write_text("\n".join(commands) + "\n")
        scripts.append(path)
    for path in scripts:
        checked = subprocess.run([bash, "-n", str(path)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, f"{path.read_text()}\n{checked.stderr}"
