"""What the documentation says about commands, routes, settings and dependencies is true."""

import re
from pathlib import Path

import pytest
import typer.main
from click import Group

from chalicelib.settings import Settings
from realtime.cli import app as cli

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def code(page: Path) -> str:
    """Only what is set as code: prose may say `make sure`."""
    text = page.read_text()
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    assert set(re.findall(r"\bmake ([a-z]+)", code(page))) <= MAKE_TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_that_is_named_exists(page: Path) -> None:
    known = typer.main.get_command(cli)
    assert isinstance(known, Group)
    for words in re.findall(r"python -m realtime ((?:[a-z-]+ ?)+)", code(page)):
        first, *rest = words.split()
        assert first in known.commands, words
        group = known.commands[first]
        if isinstance(group, Group) and rest:
            assert rest[0] in group.commands, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `REALTIME_(\w+)` \| ([^|]*) \|", text, re.MULTILINE))
    defaults = Settings.from_env({"REALTIME_ENV": "prod"})
    expected = {name.upper(): _shown(getattr(defaults, name)) for name in Settings.__dataclass_fields__}
    expected["ENV"] = "`local`"
    assert {name: text.strip() for name, text in rows.items()} == expected


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    return f"`{str(value).replace('-prod', '-{env}')}`" if value != "" else ""


def test_every_dependency_has_its_reason() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    for file in ROOT.rglob("requirements*.txt"):
        if any(part.startswith(".") or part == "node_modules" for part in file.relative_to(ROOT).parts):
            continue
        for line in file.read_text().splitlines():
            pinned = re.match(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?==", line)
            if pinned:
                assert f"| {pinned[1]} |" in text, f"{file}: {pinned[1]}"
            else:
                assert not line or line.startswith(("#", "-r ")), f"{file}: not pinned: {line}"
