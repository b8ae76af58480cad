"""The map in docs/architecture.md is that of the repository."""

import re

from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text()
FOLDERS = TEXT.partition("\n## Folders\n")[2].partition("\n## ")[0]
ROWS: list[str] = re.findall(r"^\| `([\w/]+)` \| [^|\n]+ \|$", FOLDERS, re.MULTILINE)
PICTURES: list[str] = re.findall(r"```mermaid\n(.*?)```", TEXT, re.DOTALL)
GENERATED = {"build", "node_modules", "chalice.out", "cdk.out"}


def test_each_folder_with_python_files_has_one_line() -> None:
    folders = {file.parent.relative_to(ROOT) for file in ROOT.glob("*/**/*.py")}
    shown = {
        str(folder)
        for folder in folders
        if not any(part.startswith(".") or part in GENERATED for part in folder.parts)
    }
    assert shown <= set(ROWS)
    assert len(ROWS) == len(set(ROWS))


def test_each_folder_of_the_map_exists() -> None:
    assert [row for row in ROWS if not (ROOT / row).is_dir()] == []


def test_each_file_in_a_picture_exists() -> None:
    assert len(PICTURES) == 3
    for picture in PICTURES:
        files: list[str] = re.findall(r"[\w/]+\.py", picture)
        assert files[0] == "app.py"
        tops = ROOT / "chalicelib", ROOT
        assert [file for file in files if not any((top / file).is_file() for top in tops)] == []
