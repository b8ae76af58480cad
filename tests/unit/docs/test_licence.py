"""One licence everywhere: the file, the package's metadata and the API's description name the same one."""

import json
import re
import tomllib
from typing import Any

from chalicelib.api import openapi
from tests.support.paths import ROOT

LICENCE = "Apache-2.0"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_licence_file_is_the_whole_text_of_apache_2() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert re.search(r"Apache License\s+Version 2\.0, January 2004", text)
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_metadata_names_the_licence_and_its_file() -> None:
    assert PROJECT["license"] == LICENCE
    assert PROJECT["license-files"] == ["LICENSE"]


def test_openapi_names_the_licence() -> None:
    licence = json.loads(openapi.make_document())["info"]["license"]
    assert licence == {"name": LICENCE, "identifier": LICENCE}


def test_the_readme_names_the_licence() -> None:
    assert f"[{LICENCE}](LICENSE)" in (ROOT / "README.md").read_text()


def test_the_pipeline_checks_every_python_that_the_metadata_names() -> None:
    named = re.findall(r"Python :: (\d\.\d+)", " ".join(PROJECT["classifiers"]))
    workflow = (ROOT / ".github" / "workflows" / "check.yml").read_text()
    matrix = re.search(r"python: (\[.*\])", workflow)
    assert matrix
    assert json.loads(matrix[1]) == named
