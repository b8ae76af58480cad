"""Sets of documents, published from files."""

from pathlib import Path

import pytest

from tests.support.publisher import Publisher


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    folder = tmp_path / "definitions"
    folder.mkdir()
    return Publisher(folder)
