"""A tab with the console in it, whose every error, request and cookie is looked at."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.console.fake_admin import ADMIN_KEY, FakeAdmin
from tests.support.console.server import serve_console
from tests.support.node import FOLDER

PHONE, DESK = {"width": 320, "height": 640}, {"width": 1100, "height": 800}
PATIENCE_MS = 15_000
"""Of a busy machine: on an idle one each wait ends within tenths of a second."""
expect.set_options(timeout=PATIENCE_MS)
_STATUS = re.compile(r"the server responded with a status of (\d+)|net::(ERR_\w+)")
_GO = """address => location.hash === address || new Promise((done) => {
    addEventListener("hashchange", () => done(true), {once: true});
    location.hash = address;
})"""


@dataclass
class Tab:
    """``expected``: statuses of answers that the browser may log as failed."""

    page: Page
    url: str
    admin: FakeAdmin
    expected: set[str] = field(default_factory=lambda: {"404"})
    problems: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def open(self, address: str) -> None:
        """Waits until the page has all that it loads."""
        self.page.goto(f"{self.url}#/{address}")
        self.settle()

    def go(self, address: str) -> None:
        self.page.evaluate(_GO, f"#/{address}")
        self.settle()

    def settle(self) -> None:
        """`wait_for_function` would need what the policy forbids."""
        expect(self.page.locator("h1:not(:empty)")).to_have_count(1)
        expect(self.page.locator("[data-busy]")).to_have_count(0)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def heading(self) -> Locator:
        return self.page.locator("h1")

    def notice(self) -> Locator:
        return self.page.locator(".notice")

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def confirm(self, label: str, reason: str | None = None) -> None:
        """In the dialog that is open."""
        if reason is not None:
            self.dialog().get_by_role("textbox").last.fill(reason)
        self.dialog().get_by_role("button", name=label, exact=True).click()
        expect(self.dialog()).to_have_count(0)
        self.settle()

    def use_theme(self, scheme: Literal["light", "dark"], size: dict[str, int]) -> None:
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": size["width"], "height": size["height"]})

    def assert_accessible(self) -> None:
        """axe finds no sideways scrolling, so that is measured besides."""
        self.page.evaluate((FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text())
        answer: Any = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found = [
            f"{each['id']}: {node['html']} {node['failureSummary']}"
            for each in answer["violations"]
            for node in each["nodes"]
        ]
        assert found == []
        self.assert_fits()

    def assert_fits(self) -> None:
        width, inner = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width <= inner

    def assert_clean(self) -> None:
        """No error, no request to elsewhere, no cookie, no key in a URL."""
        assert self.problems == [], self.problems
        origin = self.url.removesuffix("/console")
        assert [url for url in self.urls if not url.startswith((f"{origin}/", "data:,"))] == []
        assert [url for url in [*self.urls, self.page.url] if "rt_" in url] == []
        assert self.page.context.cookies() == []


@contextmanager
def open_tab(
    browser: Browser, admin: FakeAdmin, key: str | None = ADMIN_KEY, **options: Any
) -> Iterator[Tab]:
    """Signed in with ``key``; the tab is at no page yet."""
    with serve_console(admin) as url, open_tab_at(browser, url, admin, key, **options) as tab:
        yield tab


@contextmanager
def open_tab_at(
    browser: Browser, url: str, admin: FakeAdmin, key: str | None, size: dict[str, int] = DESK
) -> Iterator[Tab]:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        reduced_motion="reduce", locale="en-GB", timezone_id="UTC",
    )  # fmt: skip
    context.set_default_timeout(PATIENCE_MS)
    if key is not None:
        enter = f"sessionStorage.getItem('key') ?? sessionStorage.setItem('key', {json.dumps(key)})"
        context.add_init_script(enter)
    page = context.new_page()
    tab = Tab(page, url, admin)
    page.on("request", lambda request: tab.urls.append(request.url))
    page.on("pageerror", lambda error: tab.problems.append(str(error)))
    page.on("console", lambda message: _note(tab, message.type, message.text))
    try:
        yield tab
        tab.assert_clean()
    finally:
        context.close()


def _note(tab: Tab, kind: str, text: str) -> None:
    """The browser logs each answer that is no success; violations of the policy appear here, too."""
    status = _STATUS.search(text)
    is_expected = status is not None and (status[1] or status[2]) in tab.expected
    if kind in ("error", "warning") and not is_expected:
        tab.problems.append(text)
