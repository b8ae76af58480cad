"""The examples of docs/openfeature.md print what the page says."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from chalicelib.domain.publishing.documents import build_row
from realtime.definition_files.read import read_definitions
from realtime.demo.cdnow import DEFINITIONS
from tests.support.node import FOLDER, find_node
from tests.support.paths import ROOT
from tests.support.service import serve_service

PAGE = ROOT / "docs" / "openfeature.md"
EXAMPLES = re.findall(r"```(python|js)\n(.*?)```\n\n```text\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serve_service() as (url, service):
        documents = read_definitions([DEFINITIONS]).documents.values()
        service.definitions.publish([build_row(document) for document in documents], 0, 0.0)
        yield url


@pytest.mark.node
@pytest.mark.parametrize(("language", "code", "expected"), EXAMPLES)
def test_an_example_prints_what_the_page_says(url: str, language: str, code: str, expected: str) -> None:
    code = code.replace("http://127.0.0.1:8000", url)
    command = [sys.executable, "-"] if language == "python" else [find_node(), "--input-type=module", "-"]
    done = subprocess.run(
        command, input=code, cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == (expected, 0), done.stderr


def test_there_is_one_for_each_client() -> None:
    assert [language for language, _, _ in EXAMPLES] == ["python", "js", "js"]
    assert shutil.which(find_node())
