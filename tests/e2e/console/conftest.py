"""One browser for all tests of this folder; a worker runs them one after the other."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.console.browser import start_browser


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with start_browser() as started:
        yield started
