"""The templates, synthesised once for all workers (30 s), as dictionaries."""

from pathlib import Path

import pytest

from tests.support import synth
from tests.support.synth import Templates, load


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "synthesised" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(300))  # the first worker synthesises for all


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synth.shared(tmp_path_factory)


@pytest.fixture(scope="session")
def template(synthesised: Path) -> Templates:
    """The templates as SAM expands them."""
    return lambda variant, stack: load(synthesised, variant, stack)
