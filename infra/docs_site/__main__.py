"""`make docs`: gather the pages of the site into build/docs-source, for MkDocs and for Zensical."""

import json
import re
import shutil
from pathlib import Path, PurePosixPath

import yaml

from chalicelib.admin.openapi import OPERATIONS
from chalicelib.api.openapi import make_document
from infra.docs_site.reference import write_reference

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "build" / "docs-source"
HERE = Path(__file__).parent
CONFIGURATION = HERE / "mkdocs.yml"
MERMAID = HERE / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"
BESIDE = ("SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/README.md", "examples/events/README.md")
"""Pages that are not in docs/."""
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_SOURCE = re.compile(r'src="([^":]+)"')


def list_pages() -> dict[str, Path]:
    """Place in the site -> file of the project."""
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix(): path for path in sorted(docs.rglob("*.md"))}
    return {"index.md": ROOT / "README.md", **pages, **{name: ROOT / name for name in BESIDE}}


def rewrite_links(text: str, page: Path, places: dict[Path, str], place: str) -> str:
    """Links between pages lead to their places in the site. Of links to other files only the text stays."""

    up = "../" * (len(PurePosixPath(place).parts) - 1)

    def rewrite(match: re.Match[str]) -> str:
        image, words, target = match.groups()
        address, _, anchor = target.partition("#")
        if not address or ":" in address:
            return match[0]
        there = places.get((page.parent / address).resolve())
        if there is None:
            return match[0] if image else words
        return f"{image}[{words}]({up}{there}{'#' + anchor if anchor else ''})"

    def rewrite_source(match: re.Match[str]) -> str:
        return f'src="{up}{places[(page.parent / match[1]).resolve()]}"'

    return _SOURCE.sub(rewrite_source, _LINK.sub(rewrite, text))


def gather(folder: Path) -> None:
    """Pages, pictures, the API reference and the script that draws diagrams."""
    shutil.rmtree(folder, ignore_errors=True)
    pages = list_pages()
    pictures = {path.relative_to(ROOT / "docs").as_posix(): path for path in (ROOT / "docs").rglob("*.png")}
    places = {path.resolve(): place for place, path in [*pages.items(), *pictures.items()]}
    for place, path in pages.items():
        _write(folder / place, rewrite_links(path.read_text(), path, places, place))
    for place, path in pictures.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / place)
    _write(folder / "api-reference.md", write_reference(json.loads(make_document(OPERATIONS))))


def fill_navigation(text: str) -> str:
    """``text`` is mkdocs.yml; the long lists are filled in."""
    lists = {"DECISIONS": "adr", "FUNCTIONS": "functions"}
    for word, name in lists.items():
        entries = [f"          - {name}/{path.name}" for path in sorted((ROOT / "docs" / name).glob("*.md"))]
        text = text.replace(f": {word}\n", ":\n" + "\n".join(entries) + "\n")
    return text


def read_navigation(text: str) -> list[str]:
    """The pages of a configuration, in order. Its tags name functions, which are not loaded."""
    nav = text[text.index("\nnav:") :]

    def walk(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        children = entry if isinstance(entry, list) else entry.values() if isinstance(entry, dict) else []
        return [page for child in children for page in walk(child)]

    return walk(yaml.safe_load(nav)["nav"])


def main() -> None:
    gather(SOURCE)
    (SOURCE / "js").mkdir()
    shutil.copy(MERMAID, SOURCE / "js")
    (SOURCE.parent / "mkdocs.yml").write_text(
        fill_navigation(CONFIGURATION.read_text()).replace("../../build/", "")
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    main()
