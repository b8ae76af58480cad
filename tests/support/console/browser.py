"""A headless browser of this machine. None is ever downloaded by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

VARIABLE = "TEST_BROWSER"
NAMES = ("chromium-headless-shell", "chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
INSTALL = "apt-get install -y --no-install-recommends chromium-headless-shell"


def find_browser() -> str:
    """Raises LookupError that says what to type."""
    named = os.environ.get(VARIABLE)
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = f"{VARIABLE}={named} is no program" if named else "no Chromium was found"
        raise LookupError(f"{missing}. Type: {INSTALL}  (or set {VARIABLE} to the path of one)")
    return found


@contextmanager
def start_browser() -> Iterator[Browser]:
    path = find_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        try:
            yield browser
        finally:
            browser.close()
