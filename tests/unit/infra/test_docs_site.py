"""The pages of `make docs`; the generators themselves run in the pipeline, strictly."""

import json
import re
from pathlib import Path

import pytest

from chalicelib.admin.openapi import OPERATIONS
from chalicelib.api.openapi import make_document
from infra.docs_site.__main__ import (
    CONFIGURATION,
    fill_navigation,
    gather,
    list_pages,
    read_navigation,
    rewrite_links,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "pages"
    gather(folder)
    return folder


def test_every_page_is_in_the_navigation_once() -> None:
    pages = read_navigation(fill_navigation(CONFIGURATION.read_text()))
    assert sorted(pages) == sorted([*list_pages(), "api-reference.md"])


def test_every_link_of_the_site_leads_to_a_file_of_it(site: Path) -> None:
    for page in site.rglob("*.md"):
        text = page.read_text()
        targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text) + re.findall(r'src="([^":]+)"', text)
        missing = [target for target in targets if not (page.parent / target).exists()]
        assert missing == [], page


def test_a_link_to_what_is_no_page_keeps_its_words() -> None:
    page = Path("/project/docs/a.md")
    places = {Path("/project/docs/b.md"): "b.md", Path("/project/README.md"): "index.md"}
    text = "[b](b.md#x), [code](../app.py), [home](../README.md), [site](https://example.org), [up](#top)"
    rewritten = rewrite_links(text, page, places, "deep/a.md")
    assert rewritten == ("[b](../b.md#x), code, [home](../index.md), [site](https://example.org), [up](#top)")


def test_the_reference_has_every_route_with_fields_and_examples(site: Path) -> None:
    text = (site / "api-reference.md").read_text()
    sections = dict(re.findall(r"^## `([A-Z]+ [^`]+)`\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    document = json.loads(make_document(OPERATIONS))
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert sections.keys() == operations.keys()
    for name, operation in operations.items():
        shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", sections[name], re.DOTALL)]
        asked = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        assert "example" not in asked or asked["example"] in shown, name
    assert "| `user_id` | string | required; 1 to 1,024 bytes" in sections["POST /assign"]
