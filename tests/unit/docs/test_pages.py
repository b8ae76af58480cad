"""Pages are easy to read, and name only files, headings, settings, metrics and error codes that exist."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

from chalicelib.settings import Settings
from tests.support.metrics import recorded
from tests.support.paths import ROOT

COLUMNS = 100
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FUNCTIONS = sorted((ROOT / "docs" / "functions").glob("*.md"))
TOP = "chalicelib|realtime|infra|loadtests|tests|docs"
FILES = [file for top in ("chalicelib", "infra", "realtime/local") for file in (ROOT / top).rglob("*.py")]
SOURCES = "\n".join(file.read_text() for file in FILES)

of_each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def without_code_blocks(text: str) -> str:
    """Neither those in fences nor indented ones."""
    prose: list[str] = []
    is_fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            is_fenced = not is_fenced
        elif not is_fenced and not line.startswith("    "):
            prose.append(line)
    return "\n".join(prose)


def code(text: str) -> str:
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`|^    [^\n]+", text, re.DOTALL | re.MULTILINE))


@cache
def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings, and those that the page sets itself."""
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", without_code_blocks(text), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@of_each_page
def test_prose_wraps_at_100_columns(page: Path) -> None:
    bare_link = re.compile(r"\s*(?:[-*] )?(?:<?https?://\S+>?|\[[^\]]*\]\(\S+\))[.,;]?")
    long = [line for line in without_code_blocks(page.read_text()).splitlines() if len(line) > COLUMNS]
    assert [line for line in long if not line.startswith("|") and not bare_link.fullmatch(line)] == []


@of_each_page
def test_every_file_and_folder_that_is_named_exists(page: Path) -> None:
    """A path may be a pattern, such as `infra/environments/*.py`."""
    named = set(re.findall(rf"(?<![\w/.-])((?:{TOP})/[\w./*-]*[\w*])", code(page.read_text())))
    named |= set(re.findall(r"`([\w./-]+\.py)`", page.read_text()))
    assert [path for path in sorted(named) if not list(ROOT.glob(path))] == []


@of_each_page
def test_every_heading_that_is_linked_exists(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)\s]+)\)", page.read_text()):
        linked = (page.parent / target) if target else page
        assert anchor in anchors(linked), f"{target}#{anchor}"


@of_each_page
def test_every_setting_that_is_named_exists(page: Path) -> None:
    settings = {f"REALTIME_{field.upper()}" for field in Settings.__dataclass_fields__}
    assert set(re.findall(r"REALTIME_[A-Z_]+", page.read_text())) <= settings


@of_each_page
def test_every_module_that_is_called_exists(page: Path) -> None:
    for module in re.findall(r"python -m ((?:infra|loadtests|realtime)[\w.]*)", page.read_text()):
        assert importlib.util.find_spec(module), module


@of_each_page
def test_every_metric_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"(?<!its )\bmetrics?\s+`([A-Z]\w+)`", page.read_text())
    assert set(named) <= recorded()


@pytest.mark.parametrize("page", FUNCTIONS, ids=lambda page: page.stem)
def test_every_error_code_of_a_function_exists(page: Path) -> None:
    section = page.read_text().partition("\n## Reasons and errors\n")[2].partition("\n## ")[0]
    codes = re.findall(r"`([a-z]+(?:_[a-z]+)*)`", section)
    assert [name for name in codes if f'"{name}"' not in SOURCES] == []


@pytest.mark.parametrize("name", ["api", "events", "openfeature", "troubleshooting"])
def test_every_error_code_of_a_page_exists(name: str) -> None:
    """Those of a table's first column, and those that follow a status."""
    text = (ROOT / "docs" / f"{name}.md").read_text()
    codes = re.findall(r"\b[45]\d\d `([a-z_]+)`", text)
    for row in re.findall(r"^\| code \|.*?(?=\n\n)", text, re.MULTILINE | re.DOTALL):
        cells = re.findall(r"^\| ([^|]+) \|", row, re.MULTILINE)
        codes += [code for cell in cells for code in re.findall(r"`([a-z_]+)`", cell)]
    codes += re.findall(r"^\| .* \| `([A-Z_]{5,})` \|$", text, re.MULTILINE)
    assert codes
    assert [code for code in codes if f'"{code}"' not in SOURCES] == []
