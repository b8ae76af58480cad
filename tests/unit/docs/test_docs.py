"""What the documentation says about commands, routes, settings and dependencies is true."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app import app
from chalicelib.admin.openapi import OPERATIONS
from chalicelib.api import openapi
from chalicelib.domain.keys import SCOPES, grant
from chalicelib.domain.reasons import Reason
from chalicelib.settings import Settings
from realtime.cli import app as cli
from tests.support.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
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
    known = subcommands(typer.main.get_command(cli))
    for words in re.findall(r"python -m realtime ((?:[a-z-]+ ?)+)", code(page)):
        first, *rest = words.split()
        assert first in known, words
        inner = subcommands(known[first])
        assert not inner or not rest or rest[0] in inner, words


def subcommands(command: Any) -> dict[str, Any]:
    """A group has them, a command has none; Typer's classes are its own."""
    return getattr(command, "commands", {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `REALTIME_(\w+)` \| ([^|]*) \|", text, re.MULTILINE))
    defaults = Settings.from_env({"REALTIME_ENV": "prod"})
    of_lambda = {"function", "function_version", "handler", "runtime_api", "initialization"}
    names = [name for name in Settings.__dataclass_fields__ if name not in of_lambda]
    expected = {name.upper(): _shown(getattr(defaults, name)) for name in names} | {"ENV": "`local`"}
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
        direct, _, transitive = file.read_text().partition("# transitive\n")
        assert all("==" in line for line in transitive.splitlines()), file
        for line in direct.splitlines():
            pinned = re.match(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?==", line)
            if pinned:
                assert f"| {pinned[1]} |" in text, f"{file}: {pinned[1]}"
            else:
                assert not line or line.startswith(("#", "-r ")), f"{file}: not pinned: {line}"


def test_every_reason_is_documented() -> None:
    text = (ROOT / "docs" / "reasons.md").read_text()
    assert {reason.value for reason in Reason} == set(re.findall(r"`([A-Z_]{5,})`", text))


def test_every_route_is_documented_with_its_scope() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    documented = set(re.findall(r"`(GET|POST|DELETE) (/[^`]*)`", text))
    assert documented == {
        (method, path) for path, methods in app.routes.items() for method in methods if method != "HEAD"
    }


def test_openapi_describes_every_route() -> None:
    paths = json.loads(openapi.make_document(OPERATIONS))["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {
        (method, path) for path, methods in app.routes.items() for method in methods if method != "HEAD"
    }


def test_every_protected_route_belongs_to_a_scope() -> None:
    key = grant("all", SCOPES)
    for path, methods in app.routes.items():
        for entry in methods.values():
            if entry.authorizer is not None:
                assert key.opens(path), path
